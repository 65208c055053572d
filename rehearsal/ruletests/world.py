"""A case's series -> what a window of the engine would hold, minute by minute, with nothing drawn at random.

A minute of 60 requests of which 10 % fail is two samples, one that stands for 54 requests and one for 6. So a test says
what happens on average, and always the same; how often a small sample fires by chance is another question.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate, chain
from math import gcd
from typing import Final

from embedded.aggregate import condense
from embedded.measure import Measure, cadence
from embedded.store.windows import Sample
from monitors.model import Dataset, Monitor
from monitors.query import matches, parse_query
from rehearsal.ruletests.files import Case, Errors, Requests

START: Final = datetime(2026, 1, 5, tzinfo=UTC)  # any Monday
MINUTE: Final = timedelta(minutes=1)
PERCENT: Final = 100.0
ROUNDING: Final = 1e-9  # rates per minute add up to whole events only nearly


@dataclass(frozen=True, slots=True)
class Group:
    """Equal samples of one minute."""

    duration_ms: float | None  # None for errors
    status: str | None
    count: float  # requests
    sampled: float  # of them
    fields: tuple[tuple[str, str], ...]  # what a query may ask for


class World:
    """Every minute of a case. Equal minutes are one: they have the same number, so their windows are computed once."""

    def __init__(self, case: Case, minutes: int) -> None:
        # Error events of an issue before each minute; the difference of two is what came between them.
        self._totals = {each.issue: _totals(each, minutes) for each in case.errors}
        self._contents: list[tuple[Group, ...]] = []
        numbers: dict[tuple[Group, ...], int] = {}
        self._minutes: dict[Dataset, list[int]] = {Dataset.SPANS: [], Dataset.ERRORS: []}
        for minute in range(minutes):
            for dataset, content in (
                (Dataset.SPANS, self._requests(case, minute)),
                (Dataset.ERRORS, self._errors(case, minute)),
            ):
                if content not in numbers:
                    numbers[content] = len(self._contents)
                    self._contents.append(content)
                self._minutes[dataset].append(numbers[content])

        self._begun = _releases(case, minutes)

    def events(self, issue: str, since: int, until: int) -> int:
        """Return how many error events an issue has in the minutes [since, until)."""
        return self._totals[issue][until] - self._totals[issue][max(0, since)]

    def latest_release(self, minute: int) -> str | None:
        """Return the release whose first request or error came last before a minute."""
        begun = {release: first for release, first in self._begun.items() if first < minute}
        return max(begun, key=lambda release: begun[release]) if begun else None

    def window(self, dataset: Dataset, since: int, until: int) -> tuple[int, ...]:
        """Return the numbers of the minutes in [since, until); before the beginning there are none."""
        return tuple(self._minutes[dataset][max(0, since) : max(0, until)])

    def groups(self, number: int) -> tuple[Group, ...]:
        """Return what the minute of this number holds."""
        return self._contents[number]

    @staticmethod
    def _requests(case: Case, minute: int) -> tuple[Group, ...]:
        return tuple(group for each in case.requests for group in _groups(each, minute))

    def _errors(self, case: Case, minute: int) -> tuple[Group, ...]:
        found = []
        for each in case.errors:
            if count := self.events(each.issue, minute, minute + 1):
                fields = {"level": each.level, "is": "unresolved", "title": each.issue, **each.tags}
                found.append(Group(None, None, count, count, tuple(sorted(fields.items()))))
        return tuple(found)


class Meter:
    """A monitor's value at a minute at which it is evaluated, by the engine's own computation."""

    def __init__(self, monitor: Monitor, world: World) -> None:
        self._monitor, self._world = monitor, world
        self._measure = Measure(monitor.aggregate, monitor.window, monitor.compared_to)
        delta = (monitor.compared_to or timedelta(0)) // MINUTE
        every = cadence(monitor.window, monitor.compared_to) // MINUTE
        # Windows begin and end at multiples of it, so each minute is looked at once, in its block.
        self._minutes = gcd(every, monitor.window // MINUTE, delta)
        self._samples: dict[int, tuple[Sample, ...]] = {}
        self._numbers: dict[tuple[int, ...], int] = {}  # minutes of a block -> its number; equal blocks are one
        self._blocks: list[list[Sample]] = []
        self._passed: list[int] = []  # numbers of the blocks from the beginning
        self._values: dict[tuple[tuple[int, ...], ...], float | None] = {}

    def value(self, minute: int) -> float | None:
        """Return what the engine would compute at the end of a minute; the same windows are computed once."""
        delta = (self._monitor.compared_to or timedelta(0)) // MINUTE
        width = self._monitor.window // MINUTE
        current = self._window(minute - width, minute)
        compared = self._window(minute - delta - width, minute - delta) if delta else ()
        if (current, compared) not in self._values:
            self._values[current, compared] = self._measure.value(self._between, START + minute * MINUTE, 1)
        return self._values[current, compared]

    def _between(self, since: datetime, until: datetime) -> Sequence[Sample]:
        numbers = Counter(self._window((since - START) // MINUTE, (until - START) // MINUTE))
        return list(chain.from_iterable(_times(self._blocks[number], count) for number, count in numbers.items()))

    def _window(self, since: int, until: int) -> tuple[int, ...]:
        """The numbers of the blocks in [since, until); before the beginning there are none."""
        first, last = max(0, since // self._minutes), max(0, until // self._minutes)
        while len(self._passed) < last:
            self._passed.append(self._number(len(self._passed) * self._minutes))
        return tuple(self._passed[first:last])

    def _number(self, begin: int) -> int:
        minutes = self._world.window(self._monitor.dataset, begin, begin + self._minutes)
        if minutes not in self._numbers:
            samples = [each for number, count in Counter(minutes).items() for each in _times(self._of(number), count)]
            self._numbers[minutes] = len(self._blocks)
            self._blocks.append(condense(self._monitor.aggregate, samples))
        return self._numbers[minutes]

    def _of(self, number: int) -> tuple[Sample, ...]:
        if number not in self._samples:
            found = (self._sample(group) for group in self._world.groups(number))
            self._samples[number] = tuple(each for each in found if each)
        return self._samples[number]

    def _sample(self, group: Group) -> Sample | None:
        monitor, fields = self._monitor, dict(group.fields)
        if monitor.environment not in (None, fields.get("environment")) or not matches(
            parse_query(monitor.query), fields
        ):
            return None
        name = (monitor.aggregate.argument or "").removeprefix("tags[").removesuffix("]")
        weight = group.sampled if monitor.extrapolation == "none" else group.count
        return Sample(group.duration_ms, group.status, weight, fields.get(name))


def _times(samples: Sequence[Sample], count: int) -> Sequence[Sample]:
    return samples if count == 1 else [replace(each, weight=each.weight * count) for each in samples]


def _groups(requests: Requests, minute: int) -> list[Group]:
    rate, _ = requests.rate.at(minute)
    percent, status = requests.status.at(minute)
    latency_ms, latency = requests.latency.at(minute)
    slow_percent, slow_ms = latency.tail or (0.0, 0.0)
    parts = [
        (word, duration_ms, rate * share * part / PERCENT**2)
        for word, share in ((status.word, percent), ("ok", PERCENT - percent))
        for duration_ms, part in ((latency_ms, PERCENT - slow_percent), (slow_ms, slow_percent))
    ]
    return [
        Group(duration_ms, word, count, count * requests.sample_rate, _fields(requests.tags, word, duration_ms))
        for word, duration_ms, count in parts
        if count
    ]


def _fields(tags: Mapping[str, str], status: str, duration_ms: float) -> tuple[tuple[str, str], ...]:
    own = {"is_transaction": "true", "span.op": "http.server", "span.status": status}
    durations = dict.fromkeys(("span.duration", "transaction.duration"), f"{duration_ms:g}")
    return tuple(sorted((own | durations | dict(tags)).items()))


def _totals(errors: Errors, minutes: int) -> list[int]:
    """Whole events: one is there as soon as the rate adds up to it."""
    summed = accumulate((errors.rate.at(minute)[0] for minute in range(minutes)), initial=0.0)
    return [int(each + ROUNDING) for each in summed]


def _releases(case: Case, minutes: int) -> dict[str, int]:
    """Release -> the minute at which it is first seen."""
    begun: dict[str, int] = {}
    series = [(each.tags, each.rate) for each in case.requests] + [(each.tags, each.rate) for each in case.errors]
    for tags, rate in series:
        release = tags.get("release")
        first = next((minute for minute in range(minutes) if rate.at(minute)[0]), None)
        if release and first is not None:
            begun[release] = min(first, begun.get(release, first))
    return begun
