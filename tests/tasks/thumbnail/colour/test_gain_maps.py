"""A picture with a gain map is drawn without it, and the result says so."""

from io import BytesIO

import pytest

from tasks.thumbnail.codecs.gain_map import has_gain_map
from tests.support.pictures import encoded, quarters
from tests.support.thumbnail.drawing import Renderer, close, corners

XMP = b'http://ns.adobe.com/xap/1.0/\0<x xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"/>'
ISO = b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0"


@pytest.mark.parametrize(("marker", "body"), [(0xE1, XMP), (0xE2, ISO)], ids=["Ultra HDR", "ISO 21496-1"])
def test_the_base_picture_is_drawn(renderer: Renderer, marker: int, body: bytes) -> None:
    data = encoded(quarters(), "JPEG", quality=95)
    marked = data[:2] + bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body + data[2:] + data
    answer = renderer.answer(marked, {"name": "one", "width": 64, "format": "png"})
    assert answer["picture"]["gain_map"] is True
    drawn = renderer.picture(marked, width=64, format="png")
    for pixel, other in zip(corners(drawn), corners(quarters()), strict=True):
        assert close(pixel, other, 5)


def box(name: bytes, content: bytes) -> bytes:
    return (len(content) + 8).to_bytes(4, "big") + name + content


@pytest.mark.parametrize("name", ["avif", "heic"])
def test_only_the_description_of_a_picture_says_that_it_has_one(name: str) -> None:
    plain, marked = box(b"meta", b"infe av01"), box(b"meta", b"infe tmap")
    pixels, large = box(b"mdat", b"..tmap.."), (1).to_bytes(4, "big") + b"mdat" + (24).to_bytes(8, "big") + b"..tmap.."
    head = box(b"ftyp", b"avifmif1")
    for before, after, found in ((plain, pixels, False), (pixels, plain, False), (large, marked, True)):
        assert has_gain_map(name, BytesIO(head + before + after)) is found
    for cut in (b"", head[:5], head + b"\0\0\0\0free", head + b"\0\0\0\x03tmap"):
        assert has_gain_map(name, BytesIO(cut)) is False


def test_other_pictures_have_none(renderer: Renderer) -> None:
    for name in ("JPEG", "PNG", "AVIF"):
        assert "gain_map" not in renderer.answer(encoded(quarters(), name))["picture"]
