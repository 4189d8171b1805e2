"""What the response to a delivery means for it and for its endpoint."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from tasks.outbound.protocol import OutboundResponse

GONE = 410
DELIVERY_HEADER = "webhook-delivery"
"""Its value `disable` asks for no more deliveries, `abort-message` for no more attempts at this one."""
SECONDS = re.compile(r"([0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[ \t]*,.*)?")
"""Of Retry-After, fractions too. Of several values, as two headers make them, the first counts."""
MAX_PAUSE_S = 10.0**9
MAX_DATE_CHARS = 100


@dataclass(frozen=True, slots=True)
class ResponseOutcome:
    """The outcome of one attempt at a delivery.

    Attributes:
        code: why it failed, a key of `tasks.refusal.CODES`; None for a success.
        message: the same as a sentence.
        disable: why the endpoint is to be disabled; None if it is not.
        abort: whether the receiver asked for no further attempt at this delivery.
        pause_s: how long the receiver asked not to be called, in seconds.
    """

    code: str | None = None
    message: str = ""
    disable: Literal["asked", "gone"] | None = None
    pause_s: float = 0
    abort: bool = False


def classify_response(response: OutboundResponse, now: datetime | None = None) -> ResponseOutcome:
    """Only 2xx is a success.

    Args:
        now: the time that a date in Retry-After is compared with; by default the current time.
    """
    asked = {part.split(";")[0].strip().lower() for part in response.headers.get(DELIVERY_HEADER, "").split(",")}
    disable: Literal["asked", "gone"] | None = "gone" if response.status == GONE else None
    if "disable" in asked:
        disable = "asked"
    if 200 <= response.status < 300:
        return ResponseOutcome(disable=disable)
    code, message = "bad_status", f"The response status was {response.status} instead of 2xx."
    if 300 <= response.status < 400:
        code = "redirected"
        message = (
            f"The response was a redirect ({response.status}). Redirects are not followed; change the endpoint's URL."
        )
    abort = "abort-message" in asked
    if abort:
        message += " The receiver asked for no further attempt at this event."
    return ResponseOutcome(code, message, disable, _retry_after_s(response, now or datetime.now(UTC)), abort)


def _retry_after_s(response: OutboundResponse, now: datetime) -> float:
    """Seconds that a Retry-After asks for, as a number or as a date; 0 if it is missing or invalid."""
    text = response.headers.get("retry-after", "").strip()
    if number := SECONDS.fullmatch(text):
        return min(float(number[1]), MAX_PAUSE_S)
    try:
        when = parsedate_to_datetime(text[:MAX_DATE_CHARS])
        return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):  # of texts that are no dates
        return 0
