"""When a request is sent again, and after which time."""

import email.utils
import random
import time
from dataclasses import dataclass

import httpx

from pressroom_client.calls import Call
from pressroom_client.errors import ApiError, NoAnswerError

REFUSED = 429
"""The request had no effect, so any may be sent again."""
AWAY = frozenset({502, 503, 504})
"""Whether the request had an effect is not known: only what may be repeated is sent again."""
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 8.0


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is sent, and how long the client waits between.

    attempts: Times that a request is sent, at most; 1 is no retry.
    longest_wait_s: If the service asks for a longer pause than these seconds, the error is raised at once.
    """

    attempts: int = 5
    longest_wait_s: float = 60.0

    def after_answer(self, call: Call, attempt: int, response: httpx.Response) -> float:
        """The pause before the next try, in seconds. Raises: ApiError if there is none."""
        asked = retry_after_s(response)
        again = response.status_code == REFUSED or (call.repeatable and response.status_code in AWAY)
        if not again or attempt >= self.attempts or (asked or 0) > self.longest_wait_s:
            raise ApiError(response, asked)
        return _pause_s(attempt) if asked is None else asked

    def after_failure(self, call: Call, attempt: int, error: httpx.TransportError) -> float:
        """The pause before the next try, in seconds. Raises: NoAnswerError if there is none."""
        unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        if not (unsent or call.repeatable) or attempt >= self.attempts:
            raise NoAnswerError(f"{call.method} {call.path}: {error or type(error).__name__}") from error
        return _pause_s(attempt)


def retry_after_s(response: httpx.Response) -> float | None:
    """The header Retry-After, seconds or a date, as seconds; None if there is none that can be read."""
    value = response.headers.get("retry-after", "")
    if value.isascii() and value.isdecimal():
        return float(value)
    try:
        return max(email.utils.parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return None


def _pause_s(attempt: int) -> float:
    """Twice as long each time, and at random between the half and the whole, so that clients do not come together."""
    longest: float = min(FIRST_PAUSE_S * 2 ** (attempt - 1), LONGEST_PAUSE_S)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
