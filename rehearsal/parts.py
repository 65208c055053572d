"""All parts of a stack but the load, started in the order in which each needs the one before."""

from monitors.model import RuleSet
from rehearsal.progress import Progress
from rehearsal.stack import Stack


def start_parts(stack: Stack, rules: RuleSet, progress: Progress) -> None:
    """Start all but the load, in order, with the rules applied."""
    stack.set_fault()
    stack.route(rules)
    progress.show(f"starting the {stack.engine.name} engine" if stack.engine.is_ours else f"asking {stack.engine.name}")
    stack.start_engine()
    progress.show("starting the notification sink")
    stack.start_sink()
    progress.say(f"engine at {stack.urls['sentry']}, sink at {stack.urls['sink']}")
    made = stack.provision(rules)
    said = (
        f"{made} monitors and alerts applied through the web API"
        if made
        else "monitors and alerts are as the rules say"
    )
    progress.say(said)
    progress.show(f"starting {' and '.join(part.name for part in stack.plan.parts)}")
    stack.start_service()
    progress.say(f"service at {stack.urls['service']}")
