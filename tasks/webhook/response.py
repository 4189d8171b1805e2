"""What an answer to a delivery means."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from tasks.outbound.protocol import OutboundResponse

GONE = 410
THROTTLED = (429, 503)
DISABLE_HEADER = "webhook-delivery"


@dataclass(frozen=True, slots=True)
class Verdict:
    """code: why it was no success, a key of `tasks.refusal.CODES`; None for a success. disable: why the endpoint wants
    no more deliveries, if it said so. pause_s: for how long it asked to be left alone."""

    code: str | None = None
    message: str = ""
    disable: Literal["asked", "gone"] | None = None
    pause_s: float = 0


def judge(answer: OutboundResponse, now: datetime | None = None) -> Verdict:
    """2xx alone is a success. now: for a Retry-After that names a date; the clock's time if it is not given."""
    asked = answer.headers.get(DISABLE_HEADER, "").strip().lower() == "disable"
    disable: Literal["asked", "gone"] | None = "asked" if asked else "gone" if answer.status == GONE else None
    if 200 <= answer.status < 300:
        return Verdict(disable=disable)
    if 300 <= answer.status < 400:
        return Verdict(
            "redirected",
            f"The response was a redirect ({answer.status}). Redirects are not followed; change the endpoint's URL.",
            disable,
        )
    pause_s = _retry_after_s(answer, now or datetime.now(UTC)) if answer.status in THROTTLED else 0
    return Verdict("bad_status", f"The response status was {answer.status} instead of 2xx.", disable, pause_s)


def _retry_after_s(answer: OutboundResponse, now: datetime) -> float:
    """Seconds that a Retry-After asks for, given in seconds or as a date; 0 for one that nobody can read."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds())
