"""What y0 says beside the service, where a plan lets it be asked: no failure, and no fault's doing (decision 0018)."""

from typing import Final

from pydantic import TypeAdapter, ValidationError

from rehearsal.plan import Plan
from rehearsal.sink import Page
from service.errors import ErrorCode

CROSS_CHECK: Final = "ISL_Y0_CROSS_CHECK"  # of the reference service
CODE: Final = ErrorCode.ISL_Y0_ERROR.name
_FLAG: Final = TypeAdapter(bool)  # reads it as the service does, which does not start with anything else


def codes_beside(plan: Plan) -> frozenset[str]:
    """Return the codes of the events that tell of requests which went well."""
    try:
        is_asked = _FLAG.validate_python(plan.service.environment.get(CROSS_CHECK, "false"))
    except ValidationError:
        return frozenset()
    return frozenset({CODE}) if is_asked else frozenset()


def leave_out(pages: list[Page], plan: Plan) -> list[Page]:
    """Return the pages that are not about one of these codes; the runbook that a page names is its code's."""
    codes = codes_beside(plan)
    return [page for page in pages if not any(page.tells(code) for code in codes)]
