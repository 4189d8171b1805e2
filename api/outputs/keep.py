"""The option `keep`: for how long a job is kept with its files and, of an image, its original."""

from typing import Final

from pydantic import JsonValue

from api.http.caller import Caller
from api.http.durations import DURATION, seconds_of
from tasks.refusal import Refusal
from tasks.settings.units import FOREVER_S
from tasks.validation import shown

FOREVER: Final = "forever"
KEEP_SCHEMA: Final[dict[str, JsonValue]] = {"pattern": f"^(?:{DURATION}|{FOREVER})$"}
KEEP: Final = (
    "For how long the job is kept after its end, with its files and, of an image, its original: a number and `s`, `m`, "
    "`h` or `d`, or `forever`; at most MAX_KEEP_S, or the owner's quota. Until then a request with `job` makes more "
    "variants of an image. "
    "Without `keep`, the time for the job's state (`KEEP_SUCCEEDED_S`, `KEEP_FAILED_S`, `KEEP_CANCELLED_S`)."
)


def most_keep_s(caller: Caller) -> int:
    """Seconds for which the owner's jobs may be kept: its quota, else MAX_KEEP_S."""
    return caller.context.settings.max_keep_s if caller.quotas is None else caller.quotas.keep_seconds


def read_keep(limit: int, text: str | None) -> int | None:
    """The seconds of a `keep` such as `90d`.

    Args:
        limit: The most that it may be, in seconds.
        text: What was sent.

    Raises:
        Refusal: `invalid_request`: it is no time, or more than the limit.
    """
    if text is None:
        return None
    seconds = FOREVER_S if text.strip() == FOREVER else seconds_of("keep", text)
    if seconds > limit:
        message = (
            f"keep: {shown(text)} is longer than the limit of {limit} seconds (MAX_KEEP_S, or your quota "
            "`keep_seconds`). Send less."
        )
        raise Refusal("invalid_request", message, field="keep", limit=limit)
    return seconds
