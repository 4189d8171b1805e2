"""The parts of a JPEG file."""

from typing import Final

_START: Final = b"\xff\xd8"
_END: Final = b"\xff\xd9"
_SCAN: Final = 0xDA
_ADOBE: Final = 0xEE
_APPLICATION: Final = range(0xE0, 0xF0)
_COMMENT: Final = 0xFE
# Baseline, extended and progressive: what every PDF reader decodes.
_FRAMES: Final = (0xC0, 0xC1, 0xC2)
_OTHER_FRAMES: Final = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)


def without_metadata(data: bytes) -> bytes | None:
    """The picture in `data` without the places, dates, names and thumbnails that cameras add.

    None if it is not one that can be passed on as it is: not 8 bits deep, of a rare kind, or cut short.
    """
    end = data.rfind(_END)
    if not data.startswith(_START) or end < 0:
        return None
    kept = [_START]
    position = 2
    framed = False
    while position + 4 <= end:
        if data[position] != 0xFF:
            return None
        code = data[position + 1]
        if code == 0xFF:  # markers may be repeated
            position += 1
            continue
        if code == _SCAN:
            kept.append(data[position : end + 2])
            return b"".join(kept) if framed else None
        length = 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        segment = data[position : position + length]
        if code in _OTHER_FRAMES or (code in _FRAMES and (len(segment) < 10 or segment[4] != 8)):
            return None
        framed = framed or code in _FRAMES
        if code == _ADOBE or (code not in _APPLICATION and code != _COMMENT):
            kept.append(segment)
        position += length
    return None
