"""Durations in requests: a number and a unit, such as `15m`."""

import re
from typing import Final

from tasks.refusal import Refusal
from tasks.validation import shown

UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
DURATION: Final = re.compile(r"([1-9][0-9]{0,8})([smhd])")


def read_duration(field: str, text: str, limit_s: int, setting: str) -> int:
    """The seconds of a duration.

    Args:
        field: Its field, for the message.
        text: What was sent.
        limit_s: The most seconds that are allowed.
        setting: The setting that says so.

    Raises:
        Refusal: `invalid_request`.
    """
    found = DURATION.fullmatch(text)
    if found is None:
        message = f"{field}: {shown(text)} is not allowed. Send at least 1, and s, m, h or d behind it, such as '15m'."
        raise Refusal("invalid_request", message, field=field)
    seconds = int(found[1]) * UNITS_S[found[2]]
    if seconds > limit_s:
        message = f"{field}: {shown(text)} is longer than the limit of {limit_s} seconds ({setting}). Send less."
        raise Refusal("invalid_request", message, field=field, limit=limit_s)
    return seconds
