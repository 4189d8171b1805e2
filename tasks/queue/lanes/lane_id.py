"""The name of a lane: whose jobs wait in it. Redis and the API have it as text; `lua/parts/lane_ids.lua` reads it."""

from dataclasses import dataclass
from typing import Final, Literal, Self

SERVICE_KINDS: Final = frozenset(
    {"event", "recovery", "bulk", "activity", "alerts", "cleanup", "reconciliation"},
)
"""The service's own work: kinds whose jobs wait in lanes that a pause of their queue does not hold back."""

LaneKind = Literal["owner", "service", "endpoint", "test", "host", "function"]


@dataclass(frozen=True, slots=True)
class LaneId:
    """A lane's name.

    kind: `owner` has the jobs of an owner, `service` the service's own work for an owner, `endpoint` the deliveries to
    an endpoint, `test` its test deliveries, `host` an owner's notifications to URLs of one host, and `function` the
    calls of one function of an ARQ application.
    subject: the owner's name, the endpoint's id or the function's name.
    host: of a `host` lane.
    """

    kind: LaneKind
    subject: str
    host: str | None = None

    def __str__(self) -> str:
        """As Redis and the API have it: `owner:alice`, `service:alice`, `endpoint:<id>`, `test:<id>`,
        `host:alice:example.com` or `function:send_mail`."""
        text = f"{self.kind}:{self.subject}"
        return text if self.host is None else f"{text}:{self.host}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str()` has written.

        Raises:
            ValueError: It is no lane's name.
        """
        kind, _, subject = text.partition(":")
        match kind:
            case "owner" | "service" | "endpoint" | "test" | "function":
                return cls(kind, subject)
            case "host":
                owner, _, host = subject.partition(":")
                return cls(kind, owner, host)
        raise ValueError(f"{text!r} is not the name of a lane.")


def lane_of(kind: str, owner: str) -> LaneId:
    """The lane in which a job of this kind waits, unless it is a delivery.

    Args:
        kind: The kind's name.
        owner: Whose job it is.
    """
    return LaneId("service" if kind in SERVICE_KINDS else "owner", owner)
