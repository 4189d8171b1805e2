"""What goes out over HTTP to an address that a stranger named, and what comes back.

Pure: the client that keeps these promises is `tasks.outbound.client`; kinds see only the Protocol.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered. headers: lower-case names. excerpt: the first bytes of its body, as they came.

    timing: milliseconds by part: `dns` and `connect` (absent on a connection that was open already), `wait` (until the
    answer's head), `read`, `total`. address: the one that was dialled; None on a connection that was open already.
    """

    status: int
    headers: Mapping[str, str]
    excerpt: bytes
    timing: Mapping[str, float]
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body that was written to a file. type: its Content-Type as it was sent, which nobody should trust."""

    bytes: int
    type: str | None


class Unreachable(Exception):  # noqa: N818 - an outcome
    """No whole answer came. code: a key of `tasks.refusal.CODES`. message: safe to show to whoever named the address:
    it tells nothing of what is inside our network. timing, address: as in `Answer`, as far as it came. status: of an
    answer that came, but is none that was asked for."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        timing: Mapping[str, float] | None = None,
        address: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.timing: Mapping[str, float] = timing or {}
        self.address = address
        self.status = status


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A POST. headers: all that are to be sent besides those of the connection."""

    url: str
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Outbound(Protocol):
    """Speaks to addresses that strangers named: public ones only, without redirects, proxies and cookies, within
    deadlines and byte limits."""

    async def post(self, outgoing: Outgoing) -> Answer:
        """Any status is an answer, redirects too. Raises: Unreachable."""
        ...

    async def fetch(self, url: str, into: Path, *, max_bytes: int) -> Fetched:
        """Write the body of a GET to a file. Raises: Unreachable (`bad_status` for anything but 200 too); Refusal
        `too_large` beyond `max_bytes`."""
        ...
