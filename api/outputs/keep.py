"""The option `keep`: for how long a job is kept with its files and, of an image, its original."""

from typing import Final

from pydantic import JsonValue

from api.outputs.durations import DURATION, seconds_of
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.settings.units import FOREVER_S
from tasks.validation import shown

FOREVER: Final = "forever"
KEEP_SCHEMA: Final[dict[str, JsonValue]] = {"pattern": f"^(?:{DURATION}|{FOREVER})$"}
KEEP: Final = (
    "For how long the job is kept after its end, with its files and, of an image, its original: a number and `s`, `m`, "
    "`h` or `d`, or `forever`; at most MAX_KEEP_S. Until then a request with `job` makes more variants of an image. "
    "Without `keep`, the time for the job's state (`KEEP_SUCCEEDED_S`, `KEEP_FAILED_S`, `KEEP_CANCELLED_S`)."
)


def read_keep(settings: Settings, text: str | None) -> int | None:
    """The seconds of a `keep` such as `90d`.

    Raises:
        Refusal: `invalid_request`: it is no time, or more than MAX_KEEP_S.
    """
    if text is None:
        return None
    limit = settings.max_keep_s
    seconds = FOREVER_S if text.strip() == FOREVER else seconds_of("keep", text)
    if seconds > limit:
        message = f"keep: {shown(text)} is longer than the limit of {limit} seconds (MAX_KEEP_S). Send less."
        raise Refusal("invalid_request", message, field="keep", limit=limit)
    return seconds
