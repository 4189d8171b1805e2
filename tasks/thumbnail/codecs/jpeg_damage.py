"""Finds damage within a JPEG, which decoders draw over: they only warn of it, and Pillow passes over the warnings."""

import re
from typing import Final

from tasks.thumbnail.codecs.by_libvips import HAS_LIBVIPS

if HAS_LIBVIPS:
    import pyvips

_HEADERS: Final = r"(?!0xd[0-79])"
"""Not a restart marker, nor the end mark: the bytes before those are pixels."""
_HARMLESS: Final = re.compile(
    rf"extraneous bytes before marker {_HEADERS}|unknown JFIF revision|Unknown Adobe|bad ICC marker"
    r"|Inconsistent progression sequence|Invalid SOS parameters"
)
"""Warnings that no pixel is lost by, in the words of libjpeg."""
_ENDS_EARLY: Final = "premature end of data segment"
_DAMAGED: Final = re.compile(r"bad (Huffman|arithmetic) code|instead of RST|extraneous bytes before marker 0xd[0-79]")
_SHRINK: Final = 2
"""How far a file is scaled down that is decoded for its warnings alone."""


def is_harmless(warning: str) -> bool:
    """Tell whether a file is to be drawn in spite of this: the error of libvips with `fail_on="warning"`."""
    return not damage_in(warning) and _HARMLESS.search(warning) is not None


def damage_in(warning: str) -> str:
    """Tell what an error of libvips, as for `is_harmless`, says of the pixels: `truncated`, `corrupt` or nothing."""
    if _ENDS_EARLY in warning:
        return "truncated"
    return "corrupt" if _DAMAGED.search(warning) else ""


def jpeg_damage(path: str) -> str:
    """Decode a JPEG to find out whether it is damaged, if there is libvips.

    Args:
        path: The file.

    Returns:
        As `damage_in`.
    """
    if not HAS_LIBVIPS:
        return ""
    try:
        pyvips.Image.jpegload(path, access="sequential", fail_on="warning", shrink=_SHRINK).avg()
    except pyvips.Error as error:  # what else is wrong is Pillow's to say
        return damage_in(str(error))
    return ""
