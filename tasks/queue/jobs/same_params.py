"""Params of a job as two texts that mean the same: another order of fields, another form of a number."""

import json
from decimal import Decimal


def canonical(params: str) -> str:
    """The text that all JSON texts with the same values have in common.

    Args:
        params: JSON.
    """
    return json.dumps(json.loads(params, parse_float=_number, parse_int=_number), sort_keys=True)


def _number(text: str) -> tuple[int, str, int]:
    """A number by its value: `1.0` and `1e0` are `1`, and what no float can tell from 0 is 0."""
    if float(text) == 0:
        return 0, "", 0  # Decimal takes no exponent of 20 digits
    sign, digits, exponent = Decimal(text).as_tuple()
    written = "".join(map(str, digits))
    significant = written.rstrip("0")
    return sign, significant, int(exponent) + len(written) - len(significant)
