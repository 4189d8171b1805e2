"""What was counted in one step of a series: jobs that ended, times and errors, by kind."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

import msgpack

from tasks.queue.records.indexes import BATCH

KINDS_KEPT: Final = 32
"""Kinds that are counted apart, those that were counted first; all others are one more, `other`."""
CODES_KEPT: Final = 128
"""Codes of errors that are counted apart, of all kinds together; the others of each kind are one more, `other`."""
OTHER: Final = "other"
ENDED, PICKUP, RUN, ERRORS = "ended", "pickup", "run", "errors"
TIMES: Final = (PICKUP, RUN)
SAMPLED: Final = (ENDED, *TIMES, ERRORS)
"""First words of the counts in Redis (`tasks/queue/lua/parts/counters.lua`) that series are made from."""


T = TypeVar("T")


class CountName(NamedTuple):
    """The name of a count. which: a state, the number of a bucket, or the code of an error."""

    what: str
    kind: str
    which: str


Counts = Mapping[CountName, int]


def parse_counts(fields: Mapping[bytes, bytes]) -> Counter[CountName]:
    """Read the counts that series are made from. A batch is no work, its jobs are.

    Args:
        fields: All counts as they are in Redis.
    """
    counts: Counter[CountName] = Counter()
    for name, number in fields.items():
        words = name.decode().split(" ")
        if len(words) == len(CountName._fields) and words[0] in SAMPLED and words[1] != BATCH:
            count = CountName(*words)
            if count.what not in TIMES or count.which.isdecimal():
                counts[count] = int(number)
    return counts


def bound_names(counts: Counts, before: Iterable[CountName]) -> Counter[CountName]:
    """Count as `other` what is beyond KINDS_KEPT and CODES_KEPT.

    Args:
        counts: What was counted.
        before: Names that were counted apart until now. They stay so, for a count that changed its name would be taken
            for a new one.
    """
    before = tuple(before)
    totals: Counter[str] = Counter()
    for name, number in counts.items():
        totals[name.kind] += number
    kinds = _first(KINDS_KEPT, {name.kind for name in before} & totals.keys(), totals)
    of_kinds: Counter[CountName] = Counter()
    for name, number in counts.items():
        of_kinds[name if name.kind in kinds else name._replace(kind=OTHER)] += number
    errors = Counter({name: number for name, number in of_kinds.items() if name.what == ERRORS and name.which != OTHER})
    codes = _first(CODES_KEPT, errors.keys() & set(before), errors)
    bounded: Counter[CountName] = Counter()
    for name, number in of_kinds.items():
        bounded[name if name.what != ERRORS or name in codes else name._replace(which=OTHER)] += number
    return bounded


def _first(most: int, before: Iterable[T], counts: Counter[T]) -> set[T]:
    """Those that were counted apart until now, and then those that were counted most; OTHER needs no place."""
    found = dict.fromkeys([*before, *(name for name, _ in counts.most_common())])
    return set([name for name in found if name != OTHER][:most])


def difference(before: Counts, after: Counts) -> Counter[CountName] | None:
    """What was counted between two samples; None if a count has gone back, for then Redis has lost it in between."""
    if any(after.get(name, 0) < number for name, number in before.items()):
        return None
    return Counter({name: more for name, number in after.items() if (more := number - before.get(name, 0))})


Kinds = dict[str, dict[str, dict[str | int, int]]]
"""Counts as they are in a ring: kind → what → which → number. A bucket's number is an integer: it takes one byte."""


@dataclass(frozen=True, slots=True)
class Period:
    """One step of a series.

    Args:
        number: Which step since 1970 it is.
        upto: The last minute since 1970 that is in it.
        covered_ms: The time that its samples cover.
        kinds: What was counted in that time. A month has many, so they stay as they are until somebody adds them up.
    """

    number: int
    upto: int
    covered_ms: int
    kinds: Kinds

    def plus(self, minute: int, covered_ms: int, counts: Counts) -> "Period":
        """With one minute more."""
        before = flatten(self.kinds)
        both = bound_names(before + Counter(counts), before)
        return Period(self.number, minute, self.covered_ms + covered_ms, nest(both))

    def pack(self) -> bytes:
        """As it is in a ring."""
        packed: bytes = msgpack.packb((self.number, self.upto, self.covered_ms, self.kinds))
        return packed

    @classmethod
    def unpack(cls, packed: bytes) -> "Period | None":
        """The contrary of `pack`; None for what another version has written in another form."""
        match unpacked(packed):
            case [int(number), int(upto), int(covered_ms), dict(kinds)]:
                return cls(number, upto, covered_ms, kinds)
            case _:
                return None


def unpacked(packed: bytes) -> object:
    """What msgpack reads; None if it cannot be read."""
    try:
        return msgpack.unpackb(packed, strict_map_key=False)
    except (ValueError, TypeError, msgpack.UnpackException):
        return None


def nest(counts: Counts) -> Kinds:
    """Write each kind once."""
    kinds: Kinds = {}
    for (what, kind, which), number in counts.items():
        name = int(which) if what in TIMES else which
        kinds.setdefault(kind, {}).setdefault(what, {})[name] = number
    return kinds


def flatten(kinds: Kinds) -> Counter[CountName]:
    """The contrary of `nest`."""
    return Counter(
        {
            CountName(what, kind, str(which)): number
            for kind, found in kinds.items()
            for what, numbers in found.items()
            for which, number in numbers.items()
        }
    )
