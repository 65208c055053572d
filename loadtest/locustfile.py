"""The ISL's users, each an intent. Run by `rehearse`, or by hand:

locust -f loadtest/locustfile.py --headless --host http://127.0.0.1:8000 -u 20 -r 20 -t 60s --rate 20
"""

from typing import Any, Final

from loadtest.caller import Caller
from loadtest.payloads import (
    batch_body,
    counterfactual_body,
    cyclic_body,
    dense_body,
    outcome_body,
    robustness_body,
    scenarios_body,
    sensitivity_body,
    summary_query,
    validate_body,
)

VALIDATE: Final = "/api/v1/causal/validate"
COUNTERFACTUAL: Final = "/api/v1/causal/counterfactual"
SCENARIOS: Final = "/api/v1/causal/counterfactual/batch"
BATCH: Final = "/api/v1/batch/validate"
SENSITIVITY: Final = "/api/v1/analysis/sensitivity"
ROBUSTNESS: Final = "/api/v1/robustness/analyze"
LOG_OUTCOME: Final = "/api/v1/outcomes/log"
SUMMARY: Final = "/api/v1/outcomes/summary"
CREATED: Final = 201


# The weights of all intents add up to 100: each is a percentage of the requests. The shares of the causal routes are
# those of the guide's own load test, as far as it asks for routes that exist.


class ValidateGraph(Caller):
    """An analyst asks whether an effect can be identified."""

    weight = 28
    intent = "validate_graph"
    route = VALIDATE
    expected_keys = ("status", "minimal_set")

    def body(self) -> dict[str, Any]:
        return validate_body(self.choose)


class AskCounterfactual(Caller):
    """An analyst asks what would have happened."""

    weight = 20
    intent = "ask_counterfactual"
    route = COUNTERFACTUAL
    expected_keys = ("point_estimate", "interval")

    def body(self) -> dict[str, Any]:
        return counterfactual_body(self.choose)


class CompareScenarios(Caller):
    """An analyst compares what could be done."""

    weight = 6
    intent = "compare_scenarios"
    route = SCENARIOS
    expected_keys = ("scenarios", "comparison")

    def body(self) -> dict[str, Any]:
        return scenarios_body(self.choose)


class ValidateMany(Caller):
    """A pipeline asks about all of its graphs at once."""

    weight = 10
    intent = "validate_many"
    route = BATCH
    expected_keys = ("items", "succeeded")

    def body(self) -> dict[str, Any]:
        return batch_body(self.choose)


class AssessSensitivity(Caller):
    """A reviewer asks how much hidden confounding an estimate could stand."""

    weight = 10
    intent = "assess_sensitivity"
    route = SENSITIVITY
    expected_keys = ("interpretation",)

    def body(self) -> dict[str, Any]:
        return sensitivity_body(self.choose)


class AnalyzeRobustness(Caller):
    """Somebody asks whether the best option stays the best: the heavy one."""

    weight = 5
    intent = "analyze_robustness"
    route = ROBUSTNESS
    expected_keys = ("best", "partial")

    def body(self) -> dict[str, Any]:
        return robustness_body(self.choose)


class AskDenseGraph(Caller):
    """One caller in a hundred sends a graph that a program made."""

    weight = 1
    intent = "ask_dense_graph"
    route = VALIDATE
    expected_keys = ("status", "minimal_set")

    def body(self) -> dict[str, Any]:
        return dense_body(self.choose)


class MistakeGraph(Caller):
    """One caller in twenty gets the graph wrong and must be told so, not paged for."""

    weight = 5
    intent = "mistake_graph"
    route = VALIDATE
    expected_status = 400
    expected_keys = ("code", "message", "request_id")

    def body(self) -> dict[str, Any]:
        return cyclic_body(self.choose)


class LogOutcome(Caller):
    """A team writes down what it decided, and on which forecasts."""

    weight = 10
    intent = "log_outcome"
    route = LOG_OUTCOME
    expected_status = CREATED
    expected_keys = ("id", "win_probability", "degraded")

    def body(self) -> dict[str, Any]:
        return outcome_body(self.choose)


class ReadSummary(Caller):
    """Somebody looks how good their decisions have been."""

    weight = 5
    intent = "read_summary"
    method = "GET"
    route = SUMMARY
    expected_keys = ("logged", "comparison")

    def query(self) -> str:
        return summary_query(self.choose)
