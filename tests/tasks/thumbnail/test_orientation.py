from functools import cache
from typing import Any

import pytest
from PIL import Image

from tests.support.pictures import TURNS_OF_ORIENTATION, encoded, quarters
from tests.support.thumbnail.drawing import Renderer, close, corners

FORMATS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95},
    "PNG": {},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 95},
    "HEIF": {"quality": 95, "enc_params": {"preset": "ultrafast"}},
    "TIFF": {},
}


@cache
def stored(orientation: int, name: str) -> bytes:
    """A picture of 640 × 480 pixels, turned."""
    upright = quarters(640, 480)
    turn = TURNS_OF_ORIENTATION[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(upright if turn is None else upright.transpose(turn), name, exif=exif.tobytes(), **FORMATS[name])


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("orientation", TURNS_OF_ORIENTATION)
def test_every_orientation_is_drawn_as_an_upright_picture_is(renderer: Renderer, orientation: int, name: str) -> None:
    data = stored(orientation, name)
    assert (renderer.probe(data)["width"], renderer.probe(data)["height"]) == (640, 480)
    for fit in ("contain", "cover", "pad"):
        expected = renderer.picture(stored(1, name), width=90, height=60, fit=fit, format="png")
        drawn = renderer.picture(data, width=90, height=60, fit=fit, format="png")
        assert drawn.size == expected.size
        for pixel, other in zip(corners(drawn), corners(expected), strict=True):
            assert close(pixel, other)


@pytest.mark.parametrize("orientation", TURNS_OF_ORIENTATION)
def test_a_cascade_of_sizes_is_upright_too(renderer: Renderer, orientation: int) -> None:
    data = stored(orientation, "JPEG")
    files = renderer.render(data, *({"name": f"w{width}", "width": width} for width in (20, 80, 320)))
    for file, width in zip(files, (20, 80, 320), strict=True):
        with Image.open(file["path"]) as picture:
            assert picture.size == (width, width * 3 // 4)
            for pixel, other in zip(corners(picture), corners(quarters()), strict=True):
                assert close(pixel, other, 20)


@pytest.mark.parametrize("nonsense", [0, 9, 6000])
def test_an_orientation_that_makes_no_sense_is_passed_over(renderer: Renderer, nonsense: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = nonsense
    assert renderer.probe(encoded(quarters(), "JPEG", exif=exif))["orientation"] == 1


def test_damaged_metadata_is_no_reason_to_refuse_a_picture(renderer: Renderer) -> None:
    data = encoded(quarters(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + bytes(9))
    assert renderer.probe(data)["orientation"] == 1
    assert renderer.picture(data, width=32).size == (32, 24)
