"""Writes small ICC profiles (ICC.1:2022): of Display P3, and of colours that a picture describes otherwise."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

XY = tuple[float, float]
"""A chromaticity of CIE 1931."""
_Matrix = tuple[tuple[float, ...], ...]

D65: XY = (0.3127, 0.3290)
_D50 = (0.96422, 1.0, 0.82521)
_BRADFORD: _Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


class Primaries(NamedTuple):
    """The chromaticities of white and of the three colours that others are mixed from."""

    white: XY
    red: XY
    green: XY
    blue: XY


SRGB = Primaries(D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
P3 = Primaries(D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))


def power(gamma: float) -> bytes:
    """Return the tone curve of a power, of the element type `para`."""
    return struct.pack(">4sIHHi", b"para", 0, 0, 0, _fixed(gamma))


SRGB_CURVE = struct.pack(
    ">4sIHH5i", b"para", 0, 3, 0, *(round(n * 65536) for n in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
)
"""The tone curve of sRGB, which is that of Display P3 too."""


def sampled(light: Sequence[float]) -> bytes:
    """Return the tone curve of equally spaced values, each 0 to 1, of the element type `curv`."""
    values = [round(min(max(value, 0), 1) * 65535) for value in light]
    return struct.pack(f">4sII{len(values)}H", b"curv", 0, len(values), *values)


def rgb_profile(name: str, primaries: Primaries, curve: bytes) -> bytes:
    """Make the profile of colours mixed from three primaries.

    Args:
        name: A description in ASCII.
        primaries: What they are mixed from.
        curve: From stored values to light.

    Raises:
        ZeroDivisionError: The primaries lie on one line, or one of them or white is at y = 0.
    """
    red, green, blue = _columns(primaries)
    tags = {b"rXYZ": _xyz(red), b"gXYZ": _xyz(green), b"bXYZ": _xyz(blue)}
    return _profile(b"RGB ", name, tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def grey_profile(name: str, curve: bytes) -> bytes:
    """Make the profile of grey; the arguments are those of `rgb_profile`."""
    return _profile(b"GRAY", name, {b"kTRC": curve})


def _columns(primaries: Primaries) -> _Matrix:
    """The three colours at full strength in XYZ, adapted from the white to D50."""
    white = _of_xy(primaries.white)
    mixed = _transposed(tuple(_of_xy(xy) for xy in primaries[1:]))
    strengths = _times(_inverse(mixed), white)
    adapted = _adaptation(white)
    return tuple(
        tuple(part * strength for part in _times(adapted, column))
        for column, strength in zip(_transposed(mixed), strengths, strict=True)
    )


def _adaptation(white: Sequence[float]) -> _Matrix:
    here, there = _times(_BRADFORD, white), _times(_BRADFORD, _D50)
    scaled = tuple(tuple(part * to / by for part in row) for row, to, by in zip(_BRADFORD, there, here, strict=True))
    return _transposed(tuple(_times(_inverse(_BRADFORD), column) for column in _transposed(scaled)))


def _of_xy(xy: XY) -> tuple[float, ...]:
    x, y = xy
    return x / y, 1.0, (1 - x - y) / y


def _times(matrix: _Matrix, vector: Sequence[float]) -> tuple[float, ...]:
    return tuple(sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)


def _transposed(matrix: _Matrix) -> _Matrix:
    return tuple(zip(*matrix, strict=True))


def _inverse(matrix: _Matrix) -> _Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    adjugate = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    determinant = a * adjugate[0][0] + b * adjugate[1][0] + c * adjugate[2][0]
    return tuple(tuple(part / determinant for part in row) for row in adjugate)


def _fixed(number: float) -> int:
    """A number in 16.16 bits."""
    return min(max(round(number * 65536), -(1 << 31)), (1 << 31) - 1)


def _xyz(colour: Sequence[float]) -> bytes:
    return struct.pack(">4sI3i", b"XYZ ", 0, *(_fixed(part) for part in colour))


def _text(words: str) -> bytes:
    data = words.encode("utf-16-be")
    return struct.pack(">4sIII2s2sII", b"mluc", 0, 1, 12, b"en", b"US", len(data), 28) + data


def _profile(space: bytes, name: str, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"desc": _text(name), b"cprt": _text("CC0"), b"wtpt": _xyz(_D50), **tags}
    table, data = b"", b""
    start = 128 + 4 + 12 * len(tags)
    places: dict[bytes, int] = {}
    for tag, body in tags.items():
        if body not in places:  # the three curves of RGB are one
            places[body] = start + len(data)
            data += body + bytes(-len(body) % 4)
        table += struct.pack(">4sII", tag, places[body], len(body))
    header = struct.pack(
        ">I4sI4s4s4s12x4s24xI3i48x",
        start + len(data),
        bytes(4),
        0x04400000,
        b"mntr",
        space,
        b"XYZ ",
        b"acsp",
        1,
        *(_fixed(part) for part in _D50),
    )
    return header + struct.pack(">I", len(tags)) + table + data


DISPLAY_P3 = rgb_profile("Display P3", P3, SRGB_CURVE)
"""The profile of files whose colours are kept in Display P3."""
