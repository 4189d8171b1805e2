"""The names of queues, and the queues that a worker serves: `QUEUES=media:4,reports,crm-*:5`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Final

from pydantic import BaseModel, Field, field_validator
from pydantic_settings import NoDecode

MAX_QUEUE_CHARS: Final = 40
QUEUE: Final = rf"^[a-z0-9_-]{{1,{MAX_QUEUE_CHARS}}}$"
ANY_QUEUE: Final = rf"^([a-z0-9_-]{{1,{MAX_QUEUE_CHARS}}}|arq/.{{1,200}})$"
"""A name as above, or that of an ARQ application's queue, which its people have chosen."""
RESERVED_QUEUES: Final = frozenset(("health-check", "service"))
"""Names that no queue may have: ARQ's key with the beat of its workers ends with the one, a worker's slots for the
service's own work are called the other."""
ENTRY: Final = re.compile(rf"(?P<pattern>[a-z0-9_*-]{{1,{MAX_QUEUE_CHARS}}})(:(?P<slots>[0-9]{{1,6}}))?")
FORM: Final = (
    f"write it as name:slots,pattern:slots, such as media:4,emails:50,crm-*:5; a name is 1 to {MAX_QUEUE_CHARS} "
    "lower-case letters, digits, - and _, in a pattern * stands for any of them, and slots are at least 1"
)


def queue_fault(name: str) -> str | None:
    """Why no queue may have this name; None if one may.

    Args:
        name: The name.
    """
    if name.startswith("-"):  # `python -m worker --pickle` would take it for an option
        return f"{name!r} begins with -, as the options of commands do. Begin the name with a letter, a digit or _."
    if not re.fullmatch(QUEUE, name):
        return f"A queue's name is 1 to {MAX_QUEUE_CHARS} lower-case letters (a to z), digits, - and _."
    if name in RESERVED_QUEUES:
        return f"{name!r} has a meaning of its own in Pressroom. Choose another name."
    return None


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """What a worker serves: one queue, or those whose names match a pattern.

    Attributes:
        pattern: The name, or a pattern in which `*` stands for any characters.
        slots: How many jobs run at once: of the one queue, or of all that match together; None if it does not say.
    """

    pattern: str
    slots: int | None = None

    @property
    def is_pattern(self) -> bool:
        """Whether it may match several queues."""
        return "*" in self.pattern

    def matches(self, queue: str) -> bool:
        """Whether it means this queue.

        Args:
            queue: The queue's name.
        """
        return fnmatchcase(queue, self.pattern)

    def __str__(self) -> str:
        return self.pattern if self.slots is None else f"{self.pattern}:{self.slots}"


def read_entries(texts: Iterable[str]) -> tuple[QueueEntry, ...]:
    """Read entries of the form `name`, `name:slots` or `pattern:slots`.

    Args:
        texts: The entries.

    Raises:
        ValueError: One has another form, or two are the same; the message says how to write them.
    """
    entries: dict[str, QueueEntry] = {}
    for text in texts:
        found = ENTRY.fullmatch(text)
        pattern, slots = (found["pattern"], found["slots"]) if found else ("", None)
        if not found or (slots is not None and int(slots) < 1):
            raise ValueError(f"the queue {text!r} is not understood; {FORM}")
        if pattern in RESERVED_QUEUES or pattern.startswith("-"):
            raise ValueError(f"{queue_fault(pattern)}")
        if pattern in entries:
            raise ValueError(f"the queue {pattern!r} is named twice; name it once")
        entries[pattern] = QueueEntry(pattern, None if slots is None else int(slots))
    return tuple(entries.values())


class QueueSettings(BaseModel):
    """Which queues there may be, and which a worker serves."""

    queues: Annotated[tuple[QueueEntry, ...], NoDecode] = Field(
        (),
        description="`name:slots,pattern:slots`: the queues that this worker serves, and how many of their jobs it runs at once, such as `media:4,reports:2,emails:50,crm-*:5`. A queue without a number has MEDIA_CONCURRENCY and its kin, or what `PUT /v1/queues/{name}` says, or 10; the queues that match a pattern share its slots. Default: media, reports, webhooks and default.",
    )
    max_queues: int = Field(
        64, ge=0, le=1_000, description="Queues that may be made by naming them, beside the four that are always there."
    )
    owner_queues: int = Field(
        0,
        ge=0,
        description="Queues that one owner who is no admin may make by naming them in a submit. Into queues that there are anyone may submit.",
    )

    @field_validator("queues", mode="before")
    @classmethod
    def _split_entries(cls, value: object) -> object:
        return read_entries(filter(None, re.split(r"[,\s]+", value))) if isinstance(value, str) else value
