"""When a request reached each of its stages."""

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class RequestTiming:
    """Stages of one request over one connection. Times are seconds of `time.monotonic()`; None: not reached.

    Attributes:
        began: the start of the whole; with a second try, of the first.
        started: the transport was asked.
        dialled: the first packet of a connection; None where an open one was used again.
        connected: the connection is ready, TLS included.
        answered: the head of the response is there.
        ip: dialled last; None where none was.
    """

    began: float = field(default_factory=time.monotonic)
    started: float | None = None
    dialled: float | None = None
    connected: float | None = None
    answered: float | None = None
    ip: str | None = None

    @property
    def reused(self) -> bool:
        """Whether the connection was open already."""
        return self.connected is not None and self.dialled is None

    def dialling(self, ip: str) -> None:
        """An address is about to be dialled."""
        self.ip = ip
        if self.dialled is None:
            self.dialled = time.monotonic()

    def parts_ms(self) -> dict[str, float]:
        """Milliseconds by part, as in `tasks.outbound.protocol.OutboundResponse`; the part that it is in lasts until
        now."""
        now = time.monotonic()
        parts = [("wait", self.answered), ("read", None)]
        if not self.reused:
            parts = [("dns", self.dialled), ("connect", self.connected), *parts]
        timing, since = {}, self.started or self.began
        for part, ended in parts:
            timing[part] = _milliseconds((ended or now) - since)
            if ended is None:
                break
            since = ended
        timing["total"] = _milliseconds(now - self.began)
        return timing


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)
