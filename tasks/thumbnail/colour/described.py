"""The colour profile of a picture: its ICC profile, or one made of what a PNG says of its colours otherwise.

As browsers have it, of several descriptions of a PNG the first counts: cICP, iCCP, sRGB, then gAMA and cHRM together.
"""

import functools
import math
from collections.abc import Mapping
from typing import Any

from tasks.thumbnail.colour.icc import (
    D65,
    P3,
    SRGB,
    SRGB_CURVE,
    Primaries,
    grey_profile,
    power,
    rgb_profile,
    sampled,
)

_GREY_MODES = {"1", "L", "LA", "La", "I", "I;16", "I;16B"}
SRGB_GAMMA = 0.45455
"""What a file says of sRGB, which is no power: programs are told to write this number, so it is taken for sRGB."""
_GAMMA_TOLERANCE = 0.001
_XY_TOLERANCE = 0.002
_GAMMAS = (0.05, 10.0)
"""Encoding powers that make sense."""

# Code points of ITU-T H.273.
_FILM = Primaries((0.310, 0.316), (0.681, 0.319), (0.243, 0.692), (0.145, 0.049))
_PRIMARIES = {
    1: SRGB,
    4: Primaries((0.310, 0.316), (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: Primaries(D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: Primaries(D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: Primaries(D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    8: _FILM,
    9: Primaries(D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: Primaries((0.314, 0.351), *P3[1:]),
    12: P3,
}
_LIKE_SRGB = {1, 6, 13, 14, 15}
"""Transfer functions of television, which are shown as sRGB is."""
_LINEAR, _PQ, _HLG = 8, 16, 18
_POWERS = {4: 2.2, 5: 2.8}
_CURVE_POINTS = 1024
PAPER_WHITE_NITS = 203.0
"""Light of a white page in HDR pictures (ITU-R BT.2408), which becomes the white of sRGB."""
_PQ_PEAK_NITS = 10_000.0


def profile_of(info: Mapping[Any, Any], mode: str) -> bytes | None:
    """Return the colour profile of a picture.

    Args:
        info: What Pillow's plugin says of it; of a PNG also `cicp`, `srgb`, `gamma` and `chromaticity`.
        mode: Its mode.

    Returns:
        An ICC profile; None where the picture is in sRGB.
    """
    grey = mode in _GREY_MODES
    cicp = info.get("cicp")
    if cicp and (found := _of_code_points(cicp, grey=grey)):
        return found
    profile = info.get("icc_profile")
    if isinstance(profile, bytes) and profile:
        return profile
    if "srgb" in info:
        return None
    gamma, chromaticity = info.get("gamma"), info.get("chromaticity")
    if isinstance(gamma, float) or isinstance(chromaticity, tuple):
        return _of_gamma(gamma, chromaticity, grey=grey)
    return None


@functools.lru_cache(maxsize=16)
def _of_code_points(cicp: tuple[int, int, int, int], *, grey: bool) -> bytes | None:
    primaries, transfer, matrix, full_range = cicp
    curve = _curve(transfer)
    if curve is None or primaries not in _PRIMARIES or matrix or not full_range:
        return None  # of no RGB picture
    name = f"H.273 {primaries}/{transfer}"
    return grey_profile(name, curve) if grey else rgb_profile(name, _PRIMARIES[primaries], curve)


def _curve(transfer: int) -> bytes | None:
    if transfer in _LIKE_SRGB:
        return SRGB_CURVE
    if transfer == _LINEAR:
        return power(1)
    if transfer in _POWERS:
        return power(_POWERS[transfer])
    if transfer in (_PQ, _HLG):
        light = _pq if transfer == _PQ else _hlg
        return sampled([_toned(light(n / (_CURVE_POINTS - 1))) for n in range(_CURVE_POINTS)])
    return None


def _pq(value: float) -> float:
    """Light of a value in PQ (SMPTE ST 2084), of which 1 is the white of paper."""
    root = value ** (1 / 78.84375)
    nits = _PQ_PEAK_NITS * math.pow(max(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root), 1 / 0.1593017578125)
    return nits / PAPER_WHITE_NITS


def _hlg(value: float) -> float:
    """Light of a value in HLG (ITU-R BT.2100) on a display of 1,000 nits, of which 1 is the white of paper."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = value * value / 3 if value <= 0.5 else (math.exp((value - c) / a) + b) / 12
    return 1000 / PAPER_WHITE_NITS * math.pow(scene, 1.2)


def _toned(light: float) -> float:
    """Bring light that is brighter than white below it; up to the middle nothing changes."""
    knee = 0.5
    return light if light <= knee else 1 - (1 - knee) ** 2 / (light + 1 - 2 * knee)


def _of_gamma(gamma: float | None, chromaticity: tuple[float, ...] | None, *, grey: bool) -> bytes | None:
    """The profile of gAMA and cHRM; what is missing, or makes no sense, is that of sRGB."""
    primaries = SRGB
    if chromaticity and len(chromaticity) == 8:
        pairs = [chromaticity[n : n + 2] for n in range(0, 8, 2)]
        primaries = Primaries(*((x, y) for x, y in pairs))
    curve = SRGB_CURVE
    if gamma and _GAMMAS[0] <= gamma <= _GAMMAS[1] and abs(gamma - SRGB_GAMMA) > _GAMMA_TOLERANCE:
        curve = power(1 / gamma)
    if grey:
        return None if curve == SRGB_CURVE else grey_profile("gAMA", curve)
    if curve == SRGB_CURVE and _is_close(primaries, SRGB):
        return None
    try:
        return rgb_profile("gAMA and cHRM", primaries, curve)
    except ZeroDivisionError:  # they span no colours
        return rgb_profile("gAMA", SRGB, curve) if curve != SRGB_CURVE else None


def _is_close(some: Primaries, others: Primaries) -> bool:
    return all(
        abs(a - b) <= _XY_TOLERANCE
        for one, other in zip(some, others, strict=True)
        for a, b in zip(one, other, strict=True)
    )
