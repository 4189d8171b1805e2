"""Recognises pictures with a gain map, by which a screen of high dynamic range draws them brighter.

What is drawn is the base picture, which every program shows that knows nothing of gain maps.
"""

from collections.abc import Iterator
from typing import BinaryIO

from tasks.thumbnail.codecs.jpeg_scans import header_of

_SEARCHED_BYTES = 1 << 18
"""Bytes of a file that are searched at most."""
_MOST_BOXES = 16
"""Boxes of a file among which its descriptions are."""
_DESCRIPTIONS = (b"ftyp", b"meta")
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
    described = header_of(file.read(_SEARCHED_BYTES)) if name == "jpeg" else b"".join(_descriptions(file))
    return any(mark in described for mark in _MARKS[name])


def _descriptions(file: BinaryIO) -> Iterator[bytes]:
    """The boxes that describe the picture: the short marks could be anywhere in its pixels."""
    start = 0
    for _ in range(_MOST_BOXES):
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            return
        size, name = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1:
            size = int.from_bytes(head[8:], "big")
        if name in _DESCRIPTIONS:
            file.seek(start)
            yield file.read(min(size, _SEARCHED_BYTES) if size else _SEARCHED_BYTES)
        if size < 8:  # up to the end
            return
        start += size
