"""What the cache keeps of an identification: the answer, or the proof that there is none, without any request's id."""

from pydantic import BaseModel, ConfigDict, ValidationError

from service.api.schemas import InstrumentBody, Validated
from service.errors import Details, ErrorCode, IslError
from service.graph import CausalGraph
from service.identification.answer import Identification, NotIdentifiable, refuse


class Refusal(BaseModel):
    """An ISL_CAUSAL_NOT_IDENTIFIABLE: an answer as well, and as costly to find."""

    model_config = ConfigDict(frozen=True)

    message: str
    details: Details


class Kept(BaseModel):
    """One or the other."""

    model_config = ConfigDict(frozen=True)

    found: Validated | Refusal

    def resolve(self) -> Validated:
        """Return the answer. Raises IslError where it is a proven no."""
        if isinstance(self.found, Refusal):
            raise IslError(ErrorCode.ISL_CAUSAL_NOT_IDENTIFIABLE, self.found.message, self.found.details)
        return self.found

    def to_bytes(self) -> bytes:
        """Write it as the cache keeps it."""
        return self.model_dump_json().encode()


def read_kept(raw: bytes | None) -> Kept | None:
    """Read what the cache had; what cannot be read, since somebody else wrote it, is a miss."""
    if raw is None:
        return None
    try:
        return Kept.model_validate_json(raw)
    except ValidationError:
        return None


def keep(found: Identification | NotIdentifiable, graph: CausalGraph) -> Kept:
    """Put what identification found into the form in which it is kept and answered."""
    if isinstance(found, NotIdentifiable):
        error = refuse(found, graph)
        return Kept(found=Refusal(message=error.message, details=error.details))
    return Kept(found=_render(found))


def _render(found: Identification) -> Validated:
    return Validated(
        status="identifiable",
        method=found.method,
        minimal_set=None if found.minimal_set is None else list(found.minimal_set),
        adjustment_sets=[list(each) for each in found.lists.adjustment_sets],
        front_door_sets=[list(each) for each in found.lists.front_door_sets],
        instruments=[InstrumentBody(name=each.name, given=list(each.given)) for each in found.lists.instruments],
        backdoor_paths=list(found.lists.backdoor_paths),
        estimand=found.estimand,
        reason=found.reason,
        attempted_methods=list(found.attempted_methods),
        partial=list(found.lists.partial),
    )
