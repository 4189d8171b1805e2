"""A picture with a gain map is drawn without it, and the result says so."""

import pytest

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


def test_other_pictures_have_none(renderer: Renderer) -> None:
    for name in ("JPEG", "PNG", "AVIF"):
        assert "gain_map" not in renderer.answer(encoded(quarters(), name))["picture"]
