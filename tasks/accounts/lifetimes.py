"""How long something lives, as people write it: `90d`."""

import re
from typing import Final

UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LIFETIME: Final = r"^[1-9][0-9]{0,4}[smhd]$"
"""The longest is some 270 years."""


def lifetime_ms(text: str) -> int:
    """The milliseconds of a lifetime such as `90d`.

    Raises:
        ValueError: It has another form.
    """
    if not re.fullmatch(LIFETIME, text):
        raise ValueError(f"{text!r} is no time: write a number and s, m, h or d, such as 90d")
    return int(text[:-1]) * UNITS_S[text[-1]] * 1000
