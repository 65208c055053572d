"""The faults file, as an OpenFeature provider.

JSON: `{"error_rate": {"value": 0.2, "routes": ["/api/v1/causal/*"]}}`, or `"dependencies": ["plot"]` for a fault that
aims at those. `{"added_latency_ms": {"value": 800, "spread": 0.5}}` is a distribution: log-normal, of this median and
this standard deviation of the logarithm; its P95 is the median times exp(1.645 x spread). A share with `"evenly": true`
hits every n-th evaluation of a process, where chance would now and then make a small share a large one. A flag that is
absent is off, and so is all while the file is absent or malformed. Writers replace the file atomically (write beside
it, then rename).
"""

import json
import logging
import math
import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import FlagNotFoundError, TypeMismatchError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata

from service.fault_registry import FAULTS

log: Final = logging.getLogger("isl.faults")
ROUTE_KEY: Final = "route"  # attribute of the evaluation context: the route template of the request
DEPENDENCY_KEY: Final = "dependency"  # the other attribute: the name of the dependency that is being called
ROUTES_LIMIT: Final = 50
SPREAD_LIMIT: Final = 2.0  # then one in twenty takes 27 times the median, and one in twenty a 27th
WHOLE: Final = 1 - 1e-9  # ten tenths add up to a little less than one
FILE_LIMIT_BYTES: Final = 64 * 1024  # a faults file is some lines; more is some other file

Stamp = tuple[int, int, int]  # mtime in ns, size, inode: a rename changes at least the inode


@dataclass(frozen=True, slots=True)
class Setting:
    """One flag as the file sets it."""

    value: float  # within the range of its fault
    routes: tuple[str, ...]  # globs over route templates, or over names of dependencies; any match counts
    spread: float = 0.0  # standard deviation of the logarithm; 0: always the value itself
    is_even: bool = False  # of a share: every n-th evaluation is hit, and not each by chance

    def matches(self, route: str) -> bool:
        """Tell if the flag is meant for this route."""
        return any(fnmatchcase(route, glob) for glob in self.routes)


class FaultFileError(Exception):
    """The file is not what it should be; the message says where, what was found and what is allowed."""


def parse_faults(raw: bytes) -> dict[str, Setting]:
    """Parse a faults file. Raises FaultFileError when anything in it is not understood: half a fault is no drill."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise FaultFileError(f"found no JSON ({error}), write an object of flags") from None
    if not isinstance(document, dict):
        raise FaultFileError("found no object, write {flag: {value: ...}}")
    return {name: _parse_setting(name, entry) for name, entry in document.items()}


def _parse_setting(name: str, entry: object) -> Setting:
    fault = FAULTS.get(name)
    if fault is None:
        raise FaultFileError(f"found the unknown flag {name!r}, known: {', '.join(FAULTS)}")
    optional = (fault.aims_at, *(["spread"] if fault.may_spread else []), *(["evenly"] if fault.is_share else []))
    if not isinstance(entry, dict) or not set(entry) <= {"value", *optional}:
        raise FaultFileError(f"{name}: write an object with `value` and optionally `{'`, `'.join(optional)}`")
    value = _parse_number(f"{name}.value", entry.get("value"), fault.maximum)
    spread = _parse_number(f"{name}.spread", entry.get("spread", 0), SPREAD_LIMIT)
    routes = entry.get(fault.aims_at, ["*"])
    if not isinstance(routes, list) or not all(isinstance(glob, str) for glob in routes) or len(routes) > ROUTES_LIMIT:
        raise FaultFileError(f"{name}.{fault.aims_at}: write a list of at most {ROUTES_LIMIT} globs")
    is_even = entry.get("evenly", False)
    if not isinstance(is_even, bool):
        raise FaultFileError(f"{name}.evenly: found {is_even!r}, allowed: true or false")
    return Setting(value, tuple(routes), spread, is_even)


def _parse_number(where: str, given: object, maximum: float) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= maximum:
        raise FaultFileError(f"{where}: found {given!r}, allowed: 0 to {maximum:g}")
    return float(given)


class FaultFileProvider(AbstractProvider):
    """Answers for the flags of one file; reads it again whenever its stat changes. Safe to ask from many threads."""

    def __init__(self, path: Path, rng: random.Random | None = None) -> None:
        super().__init__()
        self._path = path
        # Seeded by the operating system, so that the workers do not all hit the same requests.
        self._rng = rng or random.Random()  # noqa: S311  # chance, not a secret
        self._lock = threading.Lock()
        self._stamp: Stamp | None = None
        self._settings: dict[str, Setting] = {}
        self._owed: dict[str, float] = {}  # by flag: the share of a hit that has come together since the last one

    def get_metadata(self) -> Metadata:
        """Name the provider."""
        return Metadata(name="isl-fault-file")

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        """Decide if this one evaluation is hit: by chance for a share, else whenever the value is not 0."""
        setting = self._find(flag_key, evaluation_context)
        if setting is None:
            return FlagResolutionDetails(default_value, reason=Reason.DEFAULT)
        if not FAULTS[flag_key].is_share:
            return FlagResolutionDetails(setting.value > 0, reason=Reason.STATIC)
        is_hit = self._is_due(flag_key, setting.value) if setting.is_even else self._rng.random() < setting.value
        return FlagResolutionDetails(is_hit, reason=Reason.SPLIT)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """Return the value as the file sets it, or a draw from its distribution, at most the fault's maximum."""
        setting = self._find(flag_key, evaluation_context)
        if setting is None:
            return FlagResolutionDetails(default_value, reason=Reason.DEFAULT)
        if not setting.spread or not setting.value:
            return FlagResolutionDetails(setting.value, reason=Reason.STATIC)
        drawn = self._rng.lognormvariate(math.log(setting.value), setting.spread)
        return FlagResolutionDetails(min(drawn, FAULTS[flag_key].maximum), reason=Reason.SPLIT)

    # The interface asks for three more types; no fault has them.
    def resolve_integer_details(self, flag_key: str, *_: Any) -> FlagResolutionDetails[int]:
        """Refuse: no fault is an integer."""
        raise TypeMismatchError(flag_key)

    def resolve_string_details(self, flag_key: str, *_: Any) -> FlagResolutionDetails[str]:
        """Refuse: no fault is a string."""
        raise TypeMismatchError(flag_key)

    def resolve_object_details(
        self, flag_key: str, *_: Any
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        """Refuse: no fault is an object."""
        raise TypeMismatchError(flag_key)

    def _find(self, flag_key: str, context: EvaluationContext | None) -> Setting | None:
        if flag_key not in FAULTS:
            raise FlagNotFoundError(flag_key)
        attributes: Mapping[str, Any] = context.attributes if context else {}
        setting = self._current().get(flag_key)
        key = DEPENDENCY_KEY if FAULTS[flag_key].aims_at == "dependencies" else ROUTE_KEY
        return setting if setting is not None and setting.matches(str(attributes.get(key, ""))) else None

    def _is_due(self, flag_key: str, share: float) -> bool:
        """Owe each evaluation its share of a hit, and pay when one is whole. The share may change on the way."""
        with self._lock:
            owed = self._owed.get(flag_key, 0.0) + share
            is_hit = owed >= WHOLE
            self._owed[flag_key] = owed - is_hit
        return is_hit

    def _current(self) -> dict[str, Setting]:
        stamp = _stat(self._path)
        with self._lock:
            if stamp != self._stamp:
                # The stamp is older than the content at worst, and then the next evaluation reads once more.
                self._stamp, self._settings = stamp, self._read() if stamp else {}
            return self._settings

    def _read(self) -> dict[str, Setting]:
        """Read the file; log a malformed one once per version, and run without faults until it changes."""
        try:
            with self._path.open("rb") as file:
                return parse_faults(file.read(FILE_LIMIT_BYTES))
        except (OSError, FaultFileError) as error:
            log.error("faults file ignored, all faults are off: %s", error)
            return {}


def _stat(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
