"""Lengths of time as requests write them: a number and `s`, `m`, `h` or `d`."""

import re
from typing import Final

from tasks.accounts.lifetimes import UNITS_S
from tasks.refusal import Refusal
from tasks.validation import shown

DURATION: Final = r"([1-9][0-9]{0,8})([smhd])"
_DURATION: Final = re.compile(DURATION)


def seconds_of(field: str, text: str) -> int:
    """The seconds of a duration such as `90d`.

    Args:
        field: The field that has it.
        text: The duration.

    Raises:
        Refusal: `invalid_request`.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        message = f"{field}: {shown(text)} is not allowed. Send at least 1, and s, m, h or d behind it, such as '90d'."
        raise Refusal("invalid_request", message, field=field)
    return int(found[1]) * UNITS_S[found[2]]
