"""How well an endpoint does, in one word and some numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

Condition = Literal["healthy", "failing", "parked", "disabled"]
WAITING: Final = ("scheduled", "queued")


@dataclass(frozen=True, slots=True)
class ShownHealth:
    """The health of an endpoint as a page shows it.

    Attributes:
        condition: In one word.
        failures: In a row.
        since, until: When the failures in a row began, and until when nothing is sent because of them.
        running, waiting, retrying, failed: Deliveries that are under way, that wait, that are between two tries, and
            that have failed for good.
        share: Of those that ended and are still kept, the share that succeeded; None if there are none.
        ended: How many those are.
    """

    condition: Condition
    failures: int
    since: str | None
    until: str | None
    running: int
    waiting: int
    retrying: int
    failed: int
    share: float | None
    ended: int

    @classmethod
    def of(cls, endpoint: Mapping[str, Any]) -> Self:
        """Of an endpoint of the API that was read with its health."""
        health = endpoint["health"]
        counts: Mapping[str, int] = health["deliveries"]
        succeeded, failed = counts.get("succeeded", 0), counts.get("failed", 0)
        ended = succeeded + failed
        return cls(
            condition=_condition(endpoint, health),
            failures=health["failures"],
            since=health.get("failing_since"),
            until=health.get("parked_until"),
            running=counts.get("running", 0),
            waiting=sum(counts.get(state, 0) for state in WAITING),
            retrying=counts.get("retrying", 0),
            failed=failed,
            share=succeeded / ended if ended else None,
            ended=ended,
        )


def _condition(endpoint: Mapping[str, Any], health: Mapping[str, Any]) -> Condition:
    if not endpoint["enabled"]:
        return "disabled"
    if health.get("parked_until"):
        return "parked"
    return "failing" if health["failures"] else "healthy"
