"""Recognises pictures with a gain map, by which a screen of high dynamic range draws them brighter.

What is drawn is the base picture, which every program shows that knows nothing of gain maps.
"""

from typing import BinaryIO

_SEARCHED_BYTES = 1 << 18
"""Bytes at the beginning of a file: descriptions stand before the pixels."""
_MARKS = {
    "jpeg": (b"http://ns.adobe.com/hdr-gain-map/1.0/", b"urn:iso:std:iso:ts:21496:-1", b"aux:hdrgainmap"),
    "avif": (b"tmap",),
    "heic": (b"tmap", b"aux:hdrgainmap"),
}


def has_gain_map(name: str, file: BinaryIO) -> bool:
    """Tell whether a picture has a gain map.

    Args:
        name: Its format, a key of `formats.PLUGINS`.
        file: Its file.
    """
    if name not in _MARKS:
        return False
    file.seek(0)
    head = file.read(_SEARCHED_BYTES)
    return any(mark in head for mark in _MARKS[name])
