"""HTTP requests to URLs that users named, and their responses.

Pure: the client that keeps these promises is `tasks.outbound.client`; kinds see only the Protocol.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol

EXCERPT_BYTES: Final = 1024
"""Bytes of a response's body that are read for the record of an attempt."""


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    """A POST, or a PUT. headers: all that are to be sent besides those of the connection. timeout_s: seconds for all of
    it, instead of those for a delivery. excerpt_bytes: how many first bytes of the response's body to read."""

    url: str
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    method: Literal["POST", "PUT"] = "POST"
    timeout_s: float | None = None
    excerpt_bytes: int = EXCERPT_BYTES


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    """What a receiver answered.

    Attributes:
        headers: with lower-case names.
        excerpt: the first bytes of the body, as they came.
        timing: milliseconds by part: `dns` and `connect` (absent where an open connection was used again), `wait`
            (until the head of the response), `read`, `total`.
        ip: the address that was dialled; None where an open connection was used again.
        sent: the headers of the request, with lower-case names.
    """

    status: int
    headers: Mapping[str, str]
    excerpt: bytes
    timing: Mapping[str, float]
    ip: str | None = None
    sent: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A body that was written to a file. type: its Content-Type as it was sent, which is not to be trusted."""

    bytes: int
    type: str | None


class OutboundError(Exception):
    """No response came, or none that will do.

    Attributes:
        code: a key of `tasks.refusal.CODES`.
        message: safe to show to the user who named the URL: it tells nothing about our own network.
        timing, ip, sent: as in `OutboundResponse`, as far as the request came.
        status: of a response that is not whole, or not one that was asked for.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        timing: Mapping[str, float] | None = None,
        ip: str | None = None,
        status: int | None = None,
        sent: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.timing: Mapping[str, float] = timing or {}
        self.ip = ip
        self.status = status
        self.sent: Mapping[str, str] = sent or {}


class Outbound(Protocol):
    """Sends requests to URLs that users named: to public IP addresses only, within time and byte limits, without
    redirects and cookies, and through no proxy but the one that the settings name."""

    async def post(self, request: OutboundRequest) -> OutboundResponse:
        """Send a POST. Any status is a response, redirects too, from the moment that its line is read.

        Raises:
            OutboundError: no status came.
        """
        ...

    async def fetch(self, url: str, into: Path, *, max_bytes: int) -> FetchedFile:
        """Write the body of a GET to a file, whole or not at all.

        Raises:
            OutboundError: no whole response came; `redirected` or `bad_status` for any status but 200.
            Refusal: `too_large` beyond `max_bytes`.
        """
        ...
