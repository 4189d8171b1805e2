"""The sRGB transfer function (IEC 61966-2-1) as tables: 8-bit stored values to 16-bit linear light, and back."""


def _decoded(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _encoded(value: float) -> float:
    return value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


LINEAR_WHITE = 65_535
TO_LINEAR = [round(_decoded(value / 255) * LINEAR_WHITE) for value in range(256)]
"""Linear light (0 to LINEAR_WHITE) of each stored value (0 to 255)."""
FROM_LINEAR = bytes(round(_encoded(value / LINEAR_WHITE) * 255) for value in range(LINEAR_WHITE + 1))
"""Stored value (0 to 255) of each linear light (0 to LINEAR_WHITE)."""
