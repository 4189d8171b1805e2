"""The option `keep`: for how long the original of an image is kept, so that more variants can be made of it later."""

import re
from typing import Final

from pydantic import JsonValue

from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.validation import shown

UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_KEEP: Final = re.compile(r"([1-9][0-9]{0,8})([smhd])")
KEEP_SCHEMA: Final[dict[str, JsonValue]] = {"pattern": f"^{_KEEP.pattern}$"}
KEEP: Final = (
    "For how long the original is kept once it was drawn: a number and `s`, `m`, `h` or `d`. Until then a request with "
    "`job` makes more variants of it. Without `keep` it is kept as long as its job."
)


def read_keep(settings: Settings, text: str | None) -> int | None:
    """The seconds of a `keep` such as `90d`.

    Raises:
        Refusal: `invalid_request`: it is no time, or more than MAX_KEEP_S.
    """
    if text is None:
        return None
    found, limit = _KEEP.fullmatch(text.strip()), settings.max_keep_s
    if found is None:
        message = f"keep: {shown(text)} is not allowed. Send at least 1, and s, m, h or d behind it, such as '90d'."
        raise Refusal("invalid_request", message, field="keep")
    seconds = int(found[1]) * UNITS_S[found[2]]
    if seconds > limit:
        message = f"keep: {shown(text)} is longer than the limit of {limit} seconds (MAX_KEEP_S). Send less."
        raise Refusal("invalid_request", message, field="keep", limit=limit)
    return seconds
