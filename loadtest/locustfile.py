"""The ISL's users, each an intent. Run by `rehearse`, or by hand:

locust -f loadtest/locustfile.py --headless --host http://127.0.0.1:8000 -u 20 -r 20 -t 60s --rate 20
"""

from typing import Any, Final

from loadtest.caller import Caller
from loadtest.payloads import counterfactual_body, cyclic_body, outcome_body, summary_query, validate_body

VALIDATE: Final = "/api/v1/causal/validate"
COUNTERFACTUAL: Final = "/api/v1/causal/counterfactual"
LOG_OUTCOME: Final = "/api/v1/outcomes/log"
SUMMARY: Final = "/api/v1/outcomes/summary"
CREATED: Final = 201


class ValidateGraph(Caller):
    """An analyst asks whether an effect can be identified."""

    weight = 9
    intent = "validate_graph"
    route = VALIDATE
    expected_keys = ("status", "minimal_set")

    def body(self) -> dict[str, Any]:
        return validate_body(self.choose)


class AskCounterfactual(Caller):
    """An analyst asks what would have happened."""

    weight = 7
    intent = "ask_counterfactual"
    route = COUNTERFACTUAL
    expected_keys = ("point_estimate", "interval")

    def body(self) -> dict[str, Any]:
        return counterfactual_body(self.choose)


class MistakeGraph(Caller):
    """One caller in twenty gets the graph wrong and must be told so, not paged for."""

    weight = 1
    intent = "mistake_graph"
    route = VALIDATE
    expected_status = 400
    expected_keys = ("code", "message", "request_id")

    def body(self) -> dict[str, Any]:
        return cyclic_body(self.choose)


class LogOutcome(Caller):
    """A team writes down what it decided, and on which forecasts."""

    weight = 2
    intent = "log_outcome"
    route = LOG_OUTCOME
    expected_status = CREATED
    expected_keys = ("id", "win_probability", "degraded")

    def body(self) -> dict[str, Any]:
        return outcome_body(self.choose)


class ReadSummary(Caller):
    """Somebody looks how good their decisions have been."""

    weight = 1
    intent = "read_summary"
    method = "GET"
    route = SUMMARY
    expected_keys = ("logged", "comparison")

    def query(self) -> str:
        return summary_query(self.choose)
