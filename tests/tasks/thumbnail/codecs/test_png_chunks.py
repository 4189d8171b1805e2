"""A PNG is drawn whatever stands beside its pixels."""

import struct
import zlib

import pytest
from PIL import Image, ImageCms

from tests.support.pictures import encoded, quarters
from tests.support.thumbnail.drawing import Renderer, corners

MEGABYTE = 1 << 20
PLAIN = encoded(quarters(), "PNG")
AFTER_HEADER = 8 + 12 + 13
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def chunk(kind: bytes, body: bytes, checksum: int | None = None) -> bytes:
    made = zlib.crc32(kind + body) if checksum is None else checksum
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", made)


BESIDE = {
    "a text of two megabytes": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2 * MEGABYTE))),
    "a text called icc_profile": chunk(b"tEXt", b"icc_profile\0words"),
    "a text called transparency": chunk(b"tEXt", b"transparency\0words"),
    "a text called exif": chunk(b"iTXt", b"exif\0\0\0\0\0words"),
    "a text with a name in no encoding": chunk(b"iTXt", b"\xff\xfe\0\0\0\xff\0\xff\0words"),
    "a wrong checksum": chunk(b"gAMA", struct.pack(">I", 45455), checksum=1),
    "a wrong checksum of a chunk that is unknown": chunk(b"abCd", b"x", checksum=1),
    "a profile packed in an unknown way": chunk(b"iCCP", b"p\0\1" + zlib.compress(PROFILE)),
    "a damaged profile": chunk(b"iCCP", b"p\0\0" + b"words"),
    "a profile without a name": chunk(b"iCCP", b"words"),
    "an empty profile": chunk(b"iCCP", b""),
    "an endless profile": chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(9 * MEGABYTE))),
    "a short gamma": chunk(b"gAMA", b"\0"),
    "short chromaticities": chunk(b"cHRM", b"\0"),
    "short code points": chunk(b"cICP", b"\0"),
    "an empty density": chunk(b"pHYs", b""),
    "an animation of no frames": chunk(b"acTL", bytes(8)),
    "half a frame": chunk(b"fcTL", bytes(4)),
}


@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize("place", [AFTER_HEADER, len(PLAIN) - 12], ids=["before the pixels", "after them"])
def test_a_chunk_beside_the_pixels_is_no_reason_to_refuse_them(renderer: Renderer, beside: str, place: int) -> None:
    data = PLAIN[:place] + BESIDE[beside] + PLAIN[place:]
    drawn = renderer.picture(data, width=64, format="png")
    assert corners(drawn) == corners(quarters())
    assert drawn.mode == "RGB"


def test_a_file_that_ends_within_a_chunk_after_its_pixels_is_drawn(renderer: Renderer) -> None:
    data = PLAIN[:-12] + chunk(b"eXIf", bytes(99))[:50]
    assert corners(renderer.picture(data, width=64, format="png")) == corners(quarters())


def test_a_profile_larger_than_a_megabyte_is_used(renderer: Renderer) -> None:
    profile = PROFILE.replace(b"rXYZ", b"tmp!").replace(b"bXYZ", b"rXYZ").replace(b"tmp!", b"bXYZ")
    size = len(profile) + MEGABYTE + 3 & ~3
    body = zlib.compress(size.to_bytes(4, "big") + profile[4:].ljust(size - 4, b"\0"))
    plain = encoded(Image.new("RGB", (8, 8), (220, 30, 30)), "PNG")
    data = plain[:AFTER_HEADER] + chunk(b"iCCP", b"p\0\0" + body) + plain[AFTER_HEADER:]
    red, _, blue = renderer.picture(data, width=8, format="png").getpixel((4, 4))  # type: ignore[misc]
    assert blue > 180
    assert red < 90
