"""One request on its way out: how far it has come, and when it came there."""

import asyncio
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


@dataclass(slots=True)
class Passage:
    """Moments are seconds of `time.monotonic()`; None for what has not happened.

    limit: ends it, in whatever part it is. began: the start of the whole, an earlier passage included. asked: for a
    connection. dialled: None on one that was open already. refused: the address that was about to be dialled.
    """

    limit: asyncio.Timeout
    began: float
    asked: float | None = None
    dialled: float | None = None
    connected: float | None = None
    answered: float | None = None
    address: str | None = None
    refused: bool = False

    @property
    def reused(self) -> bool:
        """Whether the connection was open already."""
        return self.connected is not None and self.dialled is None

    def timing(self) -> dict[str, float]:
        """Milliseconds by part, as in `tasks.outbound.protocol.Answer`; the part that it is in lasts until now."""
        now = time.monotonic()
        parts = [("wait", self.answered), ("read", None)]
        if not self.reused:
            parts = [("dns", self.dialled), ("connect", self.connected), *parts]
        timing, since = {}, self.asked or self.began
        for part, ended in parts:
            timing[part] = _milliseconds((ended or now) - since)
            if ended is None:
                break
            since = ended
        timing["total"] = _milliseconds(now - self.began)
        return timing


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)


PASSAGE: Final[ContextVar[Passage]] = ContextVar("PASSAGE")
"""The passage of the task that asks for a connection: aiohttp's connector is told of its key alone."""
