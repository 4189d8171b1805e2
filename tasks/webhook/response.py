"""What the response to a delivery means for it and for its endpoint."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from tasks.outbound.protocol import OutboundResponse

GONE = 410
THROTTLED = (429, 503)
DISABLE_HEADER = "webhook-delivery"


@dataclass(frozen=True, slots=True)
class ResponseOutcome:
    """The outcome of one attempt at a delivery.

    Attributes:
        code: why it failed, a key of `tasks.refusal.CODES`; None for a success.
        message: the same as a sentence.
        disable: why the endpoint is to be disabled; None if it is not.
        pause_s: how long the receiver asked not to be called, in seconds.
    """

    code: str | None = None
    message: str = ""
    disable: Literal["asked", "gone"] | None = None
    pause_s: float = 0


def classify_response(response: OutboundResponse, now: datetime | None = None) -> ResponseOutcome:
    """Only 2xx is a success.

    Args:
        now: the time that a date in Retry-After is compared with; by default the current time.
    """
    asked = response.headers.get(DISABLE_HEADER, "").strip().lower() == "disable"
    disable: Literal["asked", "gone"] | None = "asked" if asked else "gone" if response.status == GONE else None
    if 200 <= response.status < 300:
        return ResponseOutcome(disable=disable)
    if 300 <= response.status < 400:
        return ResponseOutcome(
            "redirected",
            f"The response was a redirect ({response.status}). Redirects are not followed; change the endpoint's URL.",
            disable,
        )
    pause_s = _retry_after_s(response, now or datetime.now(UTC)) if response.status in THROTTLED else 0
    return ResponseOutcome("bad_status", f"The response status was {response.status} instead of 2xx.", disable, pause_s)


def _retry_after_s(response: OutboundResponse, now: datetime) -> float:
    """Seconds that a Retry-After asks for, as a number or as a date; 0 if it is missing or invalid."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds())
