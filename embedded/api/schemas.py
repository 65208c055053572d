"""Bodies of monitors and alerts, with the validation that Sentry applies, so that what is taken here is taken there.

Both camel case and snake case are read, as Sentry does. Source: Sentry's public API schema and its query validator,
read 2026-11.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, FiniteFloat, field_validator, model_validator

from embedded.api.actions import Action
from embedded.api.body import Body
from monitors.filters import OF_ONE_EVENT, make_filter
from monitors.model import parse_aggregate
from monitors.query import QueryError, parse_query

MINUTE: Final = 60
WINDOWS: Final = tuple(MINUTE * minutes for minutes in (1, 5, 10, 15, 30, 60, 120, 240, 1440))
SPANS_MIN_WINDOW: Final = 5 * MINUTE
SPANS = "events_analytics_platform"
MAX_CONDITIONS: Final = 3
MAX_FREQUENCY: Final = 365 * 24 * 60  # minutes; a number without end would overflow a span of time
RESOLVED: Final = 0
USERS: Final = ("user", "user.id", "user.email", "user.username", "user.ip")
TRIGGERS: Final = (
    "first_seen_event",
    "regression_event",
    "reappeared_event",
    "issue_resolved_trigger",
    "new_high_priority_issue",
    "existing_high_priority_issue",
)  # Sentry's others are refused here, not accepted and never fired


Owner = Annotated[str | None, Field(pattern=r"^(team|user):[1-9][0-9]*$")]  # kept and shown; nobody is notified by it


class DataSource(Body):
    """What a metric monitor measures. `time_window` is in seconds."""

    query_type: Literal[0, 1]
    dataset: Literal["events", "events_analytics_platform"]
    query: str
    aggregate: str
    time_window: int
    environment: str | None
    event_types: list[str]
    extrapolation_mode: Literal["unknown", "none", "client_and_server_weighted"] = "unknown"

    @field_validator("query")
    @classmethod
    def _is_searchable(cls, query: str) -> str:
        try:
            parse_query(query)
        except QueryError as error:
            raise ValueError(str(error)) from None
        return query

    @field_validator("aggregate")
    @classmethod
    def _is_known(cls, aggregate: str) -> str:
        wanted = parse_aggregate(aggregate)
        if wanted.function == "count_unique" and wanted.argument in USERS:
            raise ValueError(f"aggregate {aggregate}: this engine does not index users, so it would always be 0")
        return aggregate

    @model_validator(mode="after")
    def _fits(self) -> "DataSource":
        is_spans = self.dataset == SPANS
        if self.time_window not in WINDOWS or (is_spans and self.time_window < SPANS_MIN_WINDOW):
            raise ValueError(f"timeWindow {self.time_window}: allowed are {WINDOWS} seconds, spans from 300")
        if self.query_type != int(is_spans):
            raise ValueError(f"queryType {self.query_type} does not fit dataset {self.dataset}")
        if not is_spans and parse_aggregate(self.aggregate).needs_requests:
            raise ValueError(f"aggregate {self.aggregate}: error events have neither duration nor status")
        allowed = {"trace_item_span"} if is_spans else {"error", "default"}
        if not self.event_types or not set(self.event_types) <= allowed:
            raise ValueError(f"eventTypes {self.event_types}: allowed are {sorted(allowed)}")
        return self


class MonitorCondition(Body):
    type: Literal["gt", "gte", "lt", "lte"]
    comparison: FiniteFloat  # JSON has no NaN, so one that got in could never be listed
    condition_result: Literal[75, 50, 0]


class ConditionGroup(Body):
    """Thresholds; without one for recovery Sentry refuses the monitor."""

    logic_type: Literal["any"]
    conditions: Annotated[list[MonitorCondition], Field(min_length=1, max_length=MAX_CONDITIONS)]

    @field_validator("conditions")
    @classmethod
    def _resolves(cls, conditions: list[MonitorCondition]) -> list[MonitorCondition]:
        if not any(each.condition_result == RESOLVED for each in conditions):
            raise ValueError("Resolution condition required for metric issue detector.")
        return conditions


class DetectorConfig(Body):
    detection_type: Literal["static", "percent"]  # dynamic is refused here, not accepted and ignored
    comparison_delta: Literal[300, 900, 3600, 86400, 604800, 2592000] | None = None  # seconds

    @model_validator(mode="after")
    def _fits(self) -> "DetectorConfig":
        if (self.detection_type == "percent") is not (self.comparison_delta is not None):
            raise ValueError("comparisonDelta goes with detectionType percent, and only with it")
        return self


class NewDetector(Body):
    """Body of a metric monitor's creation."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    type: Literal["metric_issue"]
    data_sources: Annotated[list[DataSource], Field(min_length=1, max_length=1)]
    condition_group: ConditionGroup
    config: DetectorConfig
    workflow_ids: list[int] = Field(default_factory=list)
    description: str | None = None
    enabled: bool = True
    owner: Owner = None


class ChangedDetector(Body):
    """Body of a monitor's change; what is absent stays."""

    name: Annotated[str | None, Field(max_length=200)] = None
    type: str | None = None
    data_sources: Annotated[list[DataSource] | None, Field(min_length=1, max_length=1)] = None
    condition_group: ConditionGroup | None = None
    config: DetectorConfig | None = None
    workflow_ids: list[int] | None = None
    description: str | None = None
    enabled: bool | None = None
    owner: Owner = None


class Trigger(Body):
    id: str | int | None = None
    type: str
    comparison: bool
    condition_result: bool

    @field_validator("type")
    @classmethod
    def _is_known(cls, kind: str) -> str:
        if kind not in TRIGGERS:
            raise ValueError(f"{kind!r} is no trigger; allowed are {', '.join(TRIGGERS)}")
        return kind


class Triggers(Body):
    id: str | int | None = None
    organization_id: str | int | None = None
    logic_type: Literal["any-short"]
    conditions: list[Trigger]
    actions: list[Any] = Field(default_factory=list)


class FilterCondition(Body):
    """A filter. Those that this engine does not evaluate are refused, not accepted and ignored."""

    id: str | int | None = None
    type: str
    comparison: Any
    condition_result: Literal[True] = True

    @model_validator(mode="after")
    def _is_known(self) -> "FilterCondition":
        make_filter(self.type, self.comparison)
        return self


class ActionFilter(Body):
    id: str | int | None = None
    organization_id: str | int | None = None
    logic_type: Literal["any", "any-short", "all", "none"]
    conditions: list[FilterCondition] = Field(default_factory=list)
    actions: list[Action]


class WorkflowConfig(Body):
    frequency: Annotated[int, Field(ge=0, le=MAX_FREQUENCY)] = 0  # minutes


class NewWorkflow(Body):
    """Body of an alert's creation or replacement."""

    id: str | int | None = None
    name: Annotated[str, Field(min_length=1, max_length=256)]
    enabled: bool = True
    detector_ids: list[int] = Field(default_factory=list)
    environment: str | None = None
    config: WorkflowConfig = WorkflowConfig()
    triggers: Triggers
    action_filters: list[ActionFilter] = Field(default_factory=list)
    owner: Owner = None

    @model_validator(mode="after")
    def _sees_its_events(self) -> "NewWorkflow":
        """Between two evaluations an alert on every event is asked once per issue, about its newest event only."""
        asked = {each.type for group in self.action_filters for each in group.conditions}
        if not self.triggers.conditions and asked & OF_ONE_EVENT:
            raise ValueError(
                f"filters on single events ({', '.join(sorted(asked & OF_ONE_EVENT))}) need a trigger: this engine asks"
                " an alert without one about the newest event of an issue only"
            )
        return self

    @field_validator("action_filters")
    @classmethod
    def _is_distinct(cls, groups: list[ActionFilter]) -> list[ActionFilter]:
        """A notice is counted once per action, so two actions of one id could never both be sent."""
        idents = [str(action.id) for group in groups for action in group.actions if action.id is not None]
        if len(set(idents)) < len(idents):
            raise ValueError("two actions have the same id")
        return groups
