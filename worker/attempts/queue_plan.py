"""Which queues a worker serves, and with how many slots: what it was given to serve, and what is set of the queues."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tasks.queue.redis_keys import QUEUES
from tasks.settings import Settings
from tasks.settings.queues import QueueEntry

SLOTS: Final = 10
"""Slots of a queue, or of a pattern, of which neither the worker nor the queue says how many."""
RANKS: Final = {"high": 0, "normal": 1, "low": 2}


@dataclass(frozen=True, slots=True)
class PlannedSlots:
    """How many jobs may run at once.

    Attributes:
        concurrency: Of each queue; in the order in which a claim serves them.
        shares: Queue → pattern, of those that share the slots of one.
        shared: Pattern → its slots.
    """

    concurrency: dict[str, int]
    shares: Mapping[str, str] = field(default_factory=dict)
    shared: Mapping[str, int] = field(default_factory=dict)


class QueuePlan:
    """What one worker serves.

    Args:
        entries: Names and patterns; none are the queues that are always there.
        settings: How many jobs of these run at once.
    """

    def __init__(self, entries: Sequence[QueueEntry], settings: Settings) -> None:
        self._entries = tuple(entries) or tuple(map(QueueEntry, QUEUES))
        self._defaults: dict[str, int] = {queue: getattr(settings, f"{queue}_concurrency") for queue in QUEUES}

    @property
    def patterns(self) -> tuple[str, ...]:
        """Its patterns. A queue that is made and matches one is served from the next beat on."""
        return tuple(entry.pattern for entry in self._entries if entry.is_pattern)

    @property
    def named(self) -> tuple[str, ...]:
        """The queues that it names and that are not always there: its beat makes them."""
        return tuple(one.pattern for one in self._entries if not one.is_pattern and one.pattern not in QUEUES)

    def slots(self, queues: Iterable[Mapping[str, Any]] = ()) -> PlannedSlots:
        """How many jobs of each queue may run at once.

        Args:
            queues: All queues of the service as `slots.lua` answers them: name, concurrency and rank, if set.
        """
        known: dict[str, Mapping[str, Any]] = {queue: {} for queue in (*QUEUES, *self.named)}
        known |= {queue["name"]: queue for queue in queues}
        places = {entry.pattern: place for place, entry in enumerate(self._entries)}
        found: list[tuple[int, int, str, int]] = []
        shares: dict[str, str] = {}
        shared: dict[str, int] = {}
        for name, queue in known.items():
            entry = self._entry_of(name)
            if entry is None:
                continue
            slots = entry.slots
            if entry.is_pattern:
                shares[name] = entry.pattern
                shared[entry.pattern] = slots or SLOTS
                slots = min(queue.get("concurrency") or shared[entry.pattern], shared[entry.pattern])
            slots = slots or queue.get("concurrency") or self._defaults.get(name, SLOTS)
            found.append((RANKS.get(queue.get("rank", ""), RANKS["normal"]), places[entry.pattern], name, slots))
        return PlannedSlots({name: slots for _, _, name, slots in sorted(found)}, shares, shared)

    def _entry_of(self, queue: str) -> QueueEntry | None:
        """What means the queue: its name before a pattern, an earlier pattern before a later one."""
        matching = [entry for entry in self._entries if entry.matches(queue)]
        return min(matching, key=lambda entry: entry.is_pattern, default=None)
