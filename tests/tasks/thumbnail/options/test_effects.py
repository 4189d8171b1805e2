"""Blur, sharpening and the colour behind a picture, as levels of pixels; and files that may have so many bytes."""

import math
from typing import Any

import pytest
from PIL import Image

from tasks.thumbnail.options.byte_limit import LOWEST_QUALITY, fit_bytes
from tests.support.pictures import encoded, quarters, scene
from tests.support.thumbnail.drawing import Renderer, close


def drawn(renderer: Renderer, source: Image.Image, **variant: Any) -> Image.Image:
    return renderer.picture(encoded(source, "PNG"), format="png", width=source.width, **variant)


def edge(low: int, high: int) -> Image.Image:
    """Two plain halves of 24 pixels, left and right."""
    picture = Image.new("RGB", (48, 8), (low,) * 3)
    picture.paste((high,) * 3, (24, 0, 48, 8))
    return picture


def row(picture: Image.Image) -> list[int]:
    return [int(picture.convert("RGB").getpixel((x, 4))[0]) for x in range(picture.width)]  # type: ignore[index]


@pytest.mark.parametrize("sigma", [1, 2.5, 6])
def test_a_blur_is_a_gaussian(renderer: Renderer, sigma: float) -> None:
    levels = row(drawn(renderer, edge(50, 200), blur=sigma))
    for x in range(8, 40):
        right = 50 + 150 * (1 + math.erf((x - 23.5) / (sigma * math.sqrt(2)))) / 2
        assert abs(levels[x] - right) <= 5, (x, levels[x], right)


def test_a_blur_is_as_wide_in_every_density(renderer: Renderer) -> None:
    files = renderer.render(
        encoded(edge(0, 255).resize((96, 16)), "PNG"),
        {"name": "v", "width": 48, "format": "png", "blur": 3, "dpr": [1, 2]},
    )
    one, two = (Image.open(file["path"]) for file in files)
    with one, two:
        halved = row(two.resize((48, 8), Image.Resampling.BOX))
        assert all(abs(left - right) <= 6 for left, right in zip(row(one), halved, strict=True))


def test_a_blur_of_transparency_adds_no_hidden_colour(renderer: Renderer) -> None:
    source = Image.new("RGBA", (32, 8), (0, 255, 0, 0))
    source.paste((200, 100, 50, 255), (16, 0, 32, 8))
    picture = drawn(renderer, source, blur=2)
    assert picture.mode == "RGBA"
    *colour, alpha = picture.getpixel((15, 4))  # type: ignore[misc]
    assert 90 < alpha < 128
    assert close(colour, (200, 100, 50), 4)


def test_sharpening_goes_beyond_both_sides_of_an_edge_and_no_further(renderer: Renderer) -> None:
    levels = row(drawn(renderer, edge(80, 160), sharpen=1))
    assert min(levels[20:24]) < 65
    assert max(levels[24:28]) > 175
    assert levels[0] == levels[12] == 80
    assert levels[-1] == levels[36] == 160


def test_sharpening_leaves_alpha_as_it_is(renderer: Renderer) -> None:
    source = Image.new("RGBA", (16, 16), (200, 100, 50, 255))
    source.putalpha(Image.linear_gradient("L").resize((16, 16)))
    picture = drawn(renderer, source, sharpen=2)
    levels = (picture.getchannel("A").tobytes(), source.getchannel("A").tobytes())
    assert all(abs(one - other) <= 1 for one, other in zip(*levels, strict=True))
    assert close(picture.getpixel((8, 14)), (200, 100, 50, source.getpixel((8, 14))[3]), 4)  # type: ignore[index]


def test_effects_are_those_of_the_picture_not_of_its_border(renderer: Renderer) -> None:
    picture = renderer.picture(
        encoded(Image.new("RGB", (8, 8), "white"), "PNG"),
        width=16,
        height=8,
        fit="pad",
        background="#000000",
        blur=3,
        format="png",
    )
    assert row(picture) == [0] * 4 + [255] * 8 + [0] * 4


def test_a_border_has_the_dominant_colour_where_asked(renderer: Renderer) -> None:
    source = Image.new("RGB", (32, 32), (20, 120, 200))
    source.paste("yellow", (0, 0, 32, 8))
    picture = renderer.picture(encoded(source, "PNG"), width=64, height=32, fit="pad", background="auto", format="png")
    assert close(picture.getpixel((2, 16)), (20, 120, 200), 6)
    assert close(picture.getpixel((32, 2)), (255, 255, 0), 6)


def test_what_is_behind_a_jpeg_has_the_dominant_colour_where_asked(renderer: Renderer) -> None:
    source = Image.new("RGBA", (32, 32), (200, 30, 30, 255))
    source.paste((0, 0, 0, 0), (0, 0, 32, 8))
    picture = renderer.picture(encoded(source, "PNG"), width=32, background="auto", format="jpeg")
    assert close(picture.getpixel((16, 2)), (200, 30, 30))


@pytest.mark.parametrize("name", ["jpeg", "webp", "avif"])
def test_the_best_quality_that_fits_is_found(renderer: Renderer, name: str) -> None:
    data = encoded(scene(96, 64), "PNG")
    variant = {"name": "v", "width": 96, "format": name}
    full = renderer.render(data, variant | {"quality": 80})[0]["bytes"]
    file = renderer.render(data, variant | {"quality": 80, "max_bytes": full * 3 // 4})[0]
    assert file["bytes"] <= full * 3 // 4
    assert file["max_bytes_met"]
    same = renderer.render(data, variant | {"quality": file["quality"]})[0]
    better = renderer.render(data, variant | {"quality": file["quality"] + 1})[0]
    assert same["bytes"] == file["bytes"] <= full * 3 // 4 < better["bytes"]


def test_a_file_that_cannot_be_so_small_says_it(renderer: Renderer) -> None:
    variant = {"name": "v", "width": 96, "format": "jpeg"}
    file = renderer.render(encoded(scene(96, 64), "PNG"), variant | {"max_bytes": 100})[0]
    assert (file["quality"], file["max_bytes_met"]) == (LOWEST_QUALITY, False)
    assert file["bytes"] == renderer.render(encoded(scene(96, 64), "PNG"), variant | {"quality": 10})[0]["bytes"]


def test_a_file_that_is_small_enough_keeps_its_quality(renderer: Renderer) -> None:
    variant = {"name": "v", "width": 64, "quality": 70, "formats": ["jpeg", "webp"], "max_bytes": 100_000}
    files = renderer.render(encoded(quarters(), "PNG"), variant)
    assert [(file["quality"], file["max_bytes_met"]) for file in files] == [(70, True)] * 2


@pytest.mark.parametrize("quality", [1, 5, 10, 11, 80, 100])
def test_the_search_ends_with_what_it_answers(quality: int) -> None:
    for largest in range(1, 101):  # the best quality that fits
        made: list[int] = []

        def encode(tried: int, made: list[int] = made) -> int:
            made.append(tried)
            return tried

        fitted = fit_bytes(encode, quality, largest)
        lowest = min(LOWEST_QUALITY, quality)
        assert fitted == (max(lowest, min(largest, quality)), largest >= lowest)
        assert made[-1] == fitted.quality
        assert len(made) <= 9
