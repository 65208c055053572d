"""How large envelopes are on the wire: what is paid for by the byte, and what one sender thread gets through."""

from itertools import combinations
from typing import Any

from service.sending.transport import compress
from tests.path.isl import Receiver, Start, sentry

TRANSACTION_LIMIT_BYTES = 4 * 1024  # gzipped, as it is sent
ERROR_LIMIT_BYTES = 12 * 1024
VALIDATE = "/api/v1/causal/validate"
NODES = [f"a_rather_long_name_of_a_node_{number}" for number in range(50)]
# The largest legal graph that is answered: names, edges and the asked pair at their longest.
LARGE: dict[str, Any] = {
    "dag": {"nodes": NODES, "edges": [list(pair) for pair in combinations(NODES, 2) if NODES.index(pair[1]) % 7 == 0]},
    "treatment": NODES[0],
    "outcome": NODES[-1],
}
DECISION = {
    "decision": "price",
    "options": [{"id": f"option_{number}", "mean": number, "std": 1} for number in range(10)],
    "chosen": "option_3",
}
COUNTERFACTUAL = {
    "model": {
        "variables": ["x", "y"],
        "equations": {"y": "2 * x + 1"},
        "distributions": {"x": {"type": "normal", "parameters": {"mean": 0, "std": 1}}},
    },
    "intervention": {"x": 1},
    "outcome": "y",
}


def sizes(receiver: Receiver, kind: str) -> list[int]:
    """Gzipped bytes of each envelope that holds an item of this kind."""
    marker = f'"type":"{kind}"'.encode()
    return [
        len(compress(each, has_error=kind == "event")) for each in receiver.envelopes if marker in each.split(b"\n")[1]
    ]


def test_no_route_makes_a_large_transaction(start: Start, receiver: Receiver, plot_url: str) -> None:
    service = start(**sentry(receiver, ISL_PLOT_URL=plot_url))
    header = {"X-Request-Id": "req_00000000000000aa", "User-Agent": "u" * 200}
    answers = [
        service.send(VALIDATE, LARGE, **header),
        service.send("/api/v1/causal/counterfactual", COUNTERFACTUAL, **header),
        service.send("/api/v1/outcomes/log", DECISION, **header),
        service.send("/api/v1/outcomes/summary?decision=price", **header),
        service.send("/nope" * 300, **header),
    ]
    assert [each.status_code for each in answers] == [200, 200, 201, 200, 404], [each.text for each in answers]
    service.terminate()
    found = sizes(receiver, "transaction")
    assert len(found) == len(answers)
    assert max(found) < TRANSACTION_LIMIT_BYTES, found


def test_no_failure_makes_a_large_error(start: Start, receiver: Receiver, plot_url: str) -> None:
    """A fault, a bug, a dependency away, endless recursion, and a text of 200 KB after 200 log lines."""
    service = start(**sentry(receiver, ISL_PLOT_URL=plot_url))
    service.set_faults({"error_rate": {"value": 1}})
    service.send(VALIDATE, LARGE)
    service.set_faults({"dependency_down": {"value": 1, "dependencies": ["database"]}})
    service.send("/api/v1/outcomes/log", DECISION)
    service.set_faults({})
    for path in ("/bug/a", "/deep", "/talkative"):
        assert service.send(path).status_code == 500
    service.terminate()
    found = sizes(receiver, "event")
    assert len(found) == 5
    assert max(found) < ERROR_LIMIT_BYTES, found
