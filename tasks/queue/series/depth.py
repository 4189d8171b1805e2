"""How deep and how old queues were in one step of a series."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgpack

from tasks.queue.lanes.stats import QueueSnapshot
from tasks.queue.series.period import unpacked


class QueueDepth(NamedTuple):
    """Of a queue: the jobs that could start, and for how long the oldest of them has waited, in milliseconds."""

    due: int
    oldest_ms: int


NO_DEPTH = QueueDepth(0, 0)
Depths = Mapping[str, QueueDepth]
"""By queue."""
DEPTHS_KEPT: Final = 200
"""Queues that one step names at most: those of a day may be more than there are at once (MAX_QUEUES)."""


def depths_of(snapshot: QueueSnapshot) -> dict[str, QueueDepth]:
    """The depths of all queues.

    Args:
        snapshot: The queues.
    """
    return {queue.name: QueueDepth(queue.due, round(1000 * snapshot.age_s(queue))) for queue in snapshot.queues}


@dataclass(frozen=True, slots=True)
class DepthStep:
    """The largest numbers of the samples in a step: a queue that was stuck for a minute is seen in a month.

    Args:
        number: Which step since 1970 it is.
        upto: The last minute since 1970 that is in it.
        depths: By queue.
    """

    number: int
    upto: int = -1
    depths: Depths = field(default_factory=dict)

    def plus(self, minute: int, depths: Depths) -> "DepthStep":
        """With one sample more."""
        both = dict(self.depths)
        for queue, depth in depths.items():
            before = both.get(queue, NO_DEPTH)
            if queue in both or len(both) < DEPTHS_KEPT:
                both[queue] = QueueDepth(max(before.due, depth.due), max(before.oldest_ms, depth.oldest_ms))
        return DepthStep(self.number, minute, both)

    def pack(self) -> bytes:
        """As it is in a ring."""
        packed: bytes = msgpack.packb((self.number, self.upto, dict(self.depths)))
        return packed

    @classmethod
    def unpack(cls, packed: bytes) -> "DepthStep | None":
        """The contrary of `pack`; None for what another version has written in another form."""
        match unpacked(packed):
            case [int(number), int(upto), dict(depths)]:
                return cls(number, upto, {queue: QueueDepth(*depth[:2]) for queue, depth in depths.items()})
            case _:
                return None
