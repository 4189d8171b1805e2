"""Who a change is noted under in the audit log.

Code that changes something on behalf of a person sets the actor once (`acting`). Each script that is sent meanwhile
carries it as `payload.actor`, and writes a line of the audit log with its change (`lua/parts/accounts/audit.lua`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Any

ACTING: ContextVar[dict[str, Any] | None] = ContextVar("acting", default=None)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change, and from where.

    Attributes:
        action: What is done: the operation id of the route, such as `pause_queue`.
        by: The owner of the key, or a name such as `cli`; None for a key that is not valid.
        key: The short public id of the key, or `portal:` and the id of a portal link; None for a key of the settings.
        address: The IP address of the client; None without one.
        request: The id of the request; None without one.
        max_lines: AUDIT_MAX_LINES.
        keep_ms: KEEP_AUDIT_S in milliseconds.
    """

    action: str
    by: str | None
    key: str | None
    address: str | None
    request: str | None
    max_lines: int
    keep_ms: int

    def payload(self) -> dict[str, Any]:
        """What scripts know as `payload.actor`."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def act_as(actor: Actor) -> None:
    """Set the actor for the rest of this request: its task has a context of its own."""
    ACTING.set(actor.payload())


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Set the actor for a block of code."""
    token = ACTING.set(actor.payload())
    try:
        yield
    finally:
        ACTING.reset(token)
