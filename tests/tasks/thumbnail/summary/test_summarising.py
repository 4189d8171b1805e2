"""The summary of a picture, drawn as a job draws it."""

import base64
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tasks.picture_result.record import FIELD, PictureSummary
from tasks.thumbnail.colour.icc import P3, SRGB_CURVE, rgb_profile
from tests.support.pictures import encoded, scene
from tests.support.thumbnail.drawing import Renderer, close

WAYS: dict[str, list[dict[str, Any]]] = {
    "from the smallest size": [{"name": "a", "width": 200}, {"name": "b", "width": 100}],
    "beside sizes that are too small": [{"name": "a", "width": 20}],
    "beside crops": [{"name": "a", "width": 50, "height": 50, "fit": "cover"}],
    "beside what is stretched": [{"name": "a", "width": 90, "height": 300, "fit": "exact"}],
    "beside what is turned": [{"name": "a", "width": 100, "rotate": 90}],
    "in linear light": [{"name": "a", "width": 100, "resize": "linear"}],
    "beside a larger picture": [{"name": "a", "width": 1200, "enlarge": True}],
}


def summary_of(renderer: Renderer, data: bytes, *variants: dict[str, Any]) -> PictureSummary:
    return PictureSummary.unpacked(renderer.summary(data, *(variants or ({"name": "a", "width": 100},)))[FIELD])


def distance(one: PictureSummary, other: PictureSummary) -> int:
    return (one.phash ^ other.phash).bit_count()


@pytest.fixture(scope="module")
def photo() -> bytes:
    return encoded(scene(300, 200), "PNG")


@pytest.mark.parametrize("way", WAYS)
def test_it_is_that_of_the_whole_picture_whatever_is_drawn(renderer: Renderer, photo: bytes, way: str) -> None:
    plain, other = summary_of(renderer, photo), summary_of(renderer, photo, *WAYS[way])
    assert distance(plain, other) <= 4
    assert len(other.palette) == 5
    # Both are wide, and as wide as high: the ThumbHash says it in these bits.
    assert [one.thumbhash[4] & 0x80 for one in (plain, other)] == [0x80, 0x80]


def test_both_engines_say_nearly_the_same(tmp_path: Path, photo: bytes) -> None:
    """Four bits of pHash, six levels of each colour of the palette, and one level of each wave of ThumbHash."""
    for engine in ("vips", "pillow"):
        (tmp_path / engine).mkdir()
    vips, pillow = (summary_of(Renderer(tmp_path / engine, engine), photo) for engine in ("vips", "pillow"))
    assert distance(vips, pillow) <= 4
    assert close(_rgb(vips), _rgb(pillow), 6)
    assert all(
        abs(left - right) <= 1
        for one, other in zip(vips.thumbhash[5:], pillow.thumbhash[5:], strict=True)
        for left, right in ((one >> 4, other >> 4), (one & 15, other & 15))
    )


def _rgb(summary: PictureSummary) -> bytes:
    return bytes.fromhex("".join(sorted(summary.palette)).replace("#", ""))


@pytest.mark.parametrize("orientation", [3, 6])
def test_it_is_that_of_the_upright_picture(renderer: Renderer, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    turns = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}
    upright = scene(150, 100)
    turned = summary_of(renderer, encoded(upright.transpose(turns[orientation]), "PNG", exif=exif))
    assert distance(turned, summary_of(renderer, encoded(upright, "PNG"))) <= 4


def test_transparency_is_in_the_thumbhash_and_white_in_the_others(renderer: Renderer) -> None:
    clear = Image.new("RGBA", (80, 80), (255, 0, 0, 0))
    clear.paste((0, 0, 200, 255), (0, 0, 40, 80))
    white = Image.new("RGB", (80, 80), "#ffffff")
    white.paste((0, 0, 200), (0, 0, 40, 80))
    seen, opaque = (summary_of(renderer, encoded(one, "PNG")) for one in (clear, white))
    assert (seen.thumbhash[2] & 0x80, opaque.thumbhash[2] & 0x80) == (0x80, 0)
    assert distance(seen, opaque) <= 2
    assert seen.blurhash[2:6] == opaque.blurhash[2:6]
    assert (list(seen.palette), len(opaque.palette)) == (["#0000c8"], 2)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1"])
def test_pictures_of_every_mode_have_one(renderer: Renderer, mode: str) -> None:
    found = summary_of(renderer, encoded(scene(90, 60).convert(mode), "PNG"))
    assert found.palette
    assert base64.b64encode(found.thumbhash)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1)])
def test_the_thinnest_pictures_have_one(renderer: Renderer, size: tuple[int, int]) -> None:
    assert summary_of(renderer, encoded(Image.new("RGB", size, "#336699"), "PNG")).palette == ["#336699"]


def test_colours_are_those_of_srgb_where_another_space_is_kept(renderer: Renderer) -> None:
    """The red of Display P3 is beyond sRGB; half of it is not."""
    data = encoded(Image.new("RGB", (90, 60), (128, 64, 64)), "PNG", icc_profile=rgb_profile("p", P3, SRGB_CURVE))
    kept = summary_of(renderer, data, {"name": "a", "width": 80, "colour": "p3"})
    assert kept.palette == summary_of(renderer, data).palette != ["#804040"]
