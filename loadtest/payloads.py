"""Request bodies: small causal graphs and models from several trades, varied so that no two requests need be alike."""

import random
from itertools import combinations
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
SHARE_RATIO: Final = 0.5  # of the estimates whose sensitivity is asked for
DENSE_NODES: Final = 20  # 190 arrows: as many as the service takes
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


def scenarios_body(choose: random.Random) -> dict[str, Any]:
    """The counterfactual's model under two to five scenarios."""
    body = counterfactual_body(choose)
    discounts = choose.sample(range(31), choose.randint(2, 5))
    scenarios = [{"id": f"discount_{each}", "intervention": {"discount": each}} for each in discounts]
    return {"model": body["model"], "scenarios": scenarios, "outcome": "orders", "samples": 1000}


def batch_body(choose: random.Random) -> dict[str, Any]:
    """Two to eight graphs at once."""
    return {"items": [validate_body(choose) for _ in range(choose.randint(2, 8))]}


def sensitivity_body(choose: random.Random) -> dict[str, Any]:
    """An estimate as studies report them: a risk ratio with its interval, or a line of a regression's table."""
    if choose.random() < SHARE_RATIO:
        ratio = choose.uniform(0.5, 4)
        estimate = {
            "kind": "ratio",
            "measure": "risk_ratio",
            "value": ratio,
            "lower": 0.8 * ratio,
            "upper": 1.3 * ratio,
        }
    else:
        estimate = {
            "kind": "regression",
            "value": choose.gauss(1, 0.5),
            "standard_error": choose.uniform(0.05, 0.3),
            "degrees_of_freedom": choose.randint(50, 5000),
        }
    return {"estimate": estimate}


def robustness_body(choose: random.Random) -> dict[str, Any]:
    """Two or three options on a small graph of which nobody is sure."""
    treatment, outcome, others = choose.choice(TRADES)
    arrows: list[Edge] = [(treatment, outcome), *((node, outcome) for node in others), (treatment, others[0])]
    edges = [
        {
            "cause": cause,
            "effect": effect,
            "exists_probability": choose.uniform(0.5, 1),
            "strength": {"mean": choose.gauss(0, 1), "std": choose.uniform(0, 0.5)},
        }
        for cause, effect in arrows
    ]
    options = [
        {"id": name, "interventions": {treatment: choose.uniform(-1, 1)}} for name in OPTIONS[: choose.randint(2, 3)]
    ]
    nodes = [treatment, outcome, *others]
    return {"nodes": nodes, "edges": edges, "options": options, "goal": outcome, "samples": 2000, "budget_ms": 500}


def dense_body(choose: random.Random) -> dict[str, Any]:
    """A graph that no person drew: 20 nodes and every arrow that they allow, the slowest kind to answer."""
    nodes = [f"n{place}" for place in range(DENSE_NODES)]
    choose.shuffle(nodes)
    return {
        "dag": {"nodes": nodes, "edges": list(combinations(nodes, 2))},
        "treatment": nodes[DENSE_NODES // 2],
        "outcome": nodes[-1],
    }
