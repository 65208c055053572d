"""Request bodies: small causal graphs and models from several trades, varied so that no two requests need be alike."""

import random
from typing import Any, Final

Edge = tuple[str, str]

# name of the treatment, of the outcome, and of what else matters
TRADES: Final = (
    ("discount", "orders", ("season", "region", "visits", "stock")),
    ("staff", "waiting_time", ("acuity", "weekday", "beds", "triage")),
    ("training", "defects", ("shift", "machine_age", "speed", "humidity")),
    ("price", "churn", ("tenure", "plan", "support_calls", "usage")),
)
OPTIONS: Final = ("keep", "raise_it", "lower_it")
SHARE_KNOWN: Final = 0.5  # of the decisions that are logged late


def validate_body(choose: random.Random) -> dict[str, Any]:
    """A graph of 3 to 6 nodes with one treatment and one outcome, confounded by some of the others."""
    treatment, outcome, others = choose.choice(TRADES)
    used = choose.sample(others, choose.randint(1, len(others)))
    edges: list[Edge] = [(treatment, outcome)]
    for node in used:
        edges += choose.choice(([(node, treatment), (node, outcome)], [(treatment, node), (node, outcome)]))
    return {
        "dag": {"nodes": [treatment, outcome, *used], "edges": edges},
        "treatment": treatment,
        "outcome": outcome,
    }


def counterfactual_body(choose: random.Random) -> dict[str, Any]:
    """A two-equation linear model with noise, and an intervention on its input."""
    return {
        "model": {
            "variables": ["discount", "visits", "orders"],
            "equations": {
                "visits": f"base_visits + {choose.randint(20, 60)} * discount",
                "orders": "0.03 * visits - 2 * discount",
            },
            "distributions": {
                "base_visits": {"type": "normal", "parameters": {"mean": 5000, "std": choose.randint(200, 600)}}
            },
        },
        "intervention": {"discount": choose.randint(0, 30)},
        "outcome": "orders",
        "samples": 1000,
    }


def outcome_body(choose: random.Random) -> dict[str, Any]:
    """A decision between two or three options with normal forecasts; for some, what came of it is known already."""
    treatment, _, _ = choose.choice(TRADES)
    options: list[dict[str, Any]] = [
        {"id": name, "mean": choose.gauss(100, 20), "std": choose.uniform(5, 30)}
        for name in OPTIONS[: choose.randint(2, len(OPTIONS))]
    ]
    chosen = max(options, key=lambda option: float(option["mean"]))
    body: dict[str, Any] = {"decision": treatment, "options": options, "chosen": chosen["id"]}
    if choose.random() < SHARE_KNOWN:
        body["actual"] = choose.gauss(chosen["mean"], chosen["std"])
    return body


def summary_query(choose: random.Random) -> str:
    """Which kind of decision somebody wants to look back on."""
    treatment, _, _ = choose.choice(TRADES)
    return f"?decision={treatment}"


def cyclic_body(choose: random.Random) -> dict[str, Any]:
    """A graph that a person got wrong: it has a cycle, so the service must refuse it with a 4xx."""
    treatment, outcome, others = choose.choice(TRADES)
    loop: list[Edge] = [(treatment, outcome), (outcome, others[0]), (others[0], treatment)]
    return {
        "dag": {"nodes": [treatment, outcome, others[0]], "edges": loop},
        "treatment": treatment,
        "outcome": outcome,
    }
