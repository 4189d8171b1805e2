"""What AVIF and HEIC say of their colours where they have no ICC profile: code points in a box `nclx`."""

import re

CodePoints = tuple[int, int, int, int]
"""Primaries, transfer function, matrix and range, as in the chunk cICP of a PNG (ITU-T H.273)."""
_NCLX = re.compile(rb"colrnclx(..)(..)", re.DOTALL)
_SRGB, _SRGB_CURVE, _UNSPECIFIED = 1, 13, 2


def code_points(primaries: int, transfer: int) -> CodePoints:
    """Return the code points of a picture that has been decoded to RGB; what is not specified is that of sRGB."""
    return (
        _SRGB if primaries == _UNSPECIFIED else primaries,
        _SRGB_CURVE if transfer == _UNSPECIFIED else transfer,
        0,
        1,
    )


def code_points_of(head: bytes) -> CodePoints | None:
    """Find the code points of the first picture of a file.

    Args:
        head: The beginning of the file, which describes its pictures.
    """
    found = _NCLX.search(head)
    return code_points(int.from_bytes(found[1], "big"), int.from_bytes(found[2], "big")) if found else None
