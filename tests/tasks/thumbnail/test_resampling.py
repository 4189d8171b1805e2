"""How near a quick way down from size to size comes to the slow and right one."""

from array import array

import pytest
from PIL import Image, ImageChops, ImageStat

from tasks.thumbnail.resampling import LINEAR_MAX_PIXELS, Pyramid, PyramidLevel
from tests.support.pictures import encoded, scene
from tests.support.thumbnail.drawing import Renderer


def difference(one: Image.Image, other: Image.Image) -> float:
    """Root mean square difference of two pictures, in levels of 256."""
    deviations: list[float] = ImageStat.Stat(ImageChops.difference(one, other)).rms
    return max(deviations)


def in_linear_light(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The slow and right way, in floating point."""

    def decoded(level: int) -> float:
        value = level / 255
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    def encoded_level(value: float) -> int:
        low, high = value * 12.92, 1.055 * max(value, 0) ** (1 / 2.4) - 0.055
        return round(255 * min(1, max(0, low if value <= 0.0031308 else high)))

    bands = []
    for band in picture.split():
        light = Image.new("F", picture.size)
        light.putdata([decoded(level) for level in band.tobytes()])
        shrunk = array("f", light.resize(size, Image.Resampling.LANCZOS).tobytes())
        bands.append(Image.frombytes("L", size, bytes(map(encoded_level, shrunk))))
    return Image.merge("RGB", bands)


def test_a_small_picture_shrinks_in_linear_light() -> None:
    source = scene(320, 240)
    drawn = Pyramid(source, source.size, 1).drawn((0, 0, *source.size), (80, 60))
    right = in_linear_light(source, (80, 60))
    assert difference(drawn, right) < 1.0
    assert difference(source.resize((80, 60), Image.Resampling.LANCZOS), right) > 2.0


def test_a_cascade_is_as_good_as_going_back_to_the_source_each_time() -> None:
    source = scene(1600, 1200)
    pyramid = Pyramid(source, source.size, 1)
    whole = (0, 0, *source.size)
    for width in (700, 350, 170, 80):
        size = (width, width * 3 // 4)
        drawn = pyramid.drawn(whole, size)
        assert drawn.size == size
        assert difference(drawn, Pyramid(source, source.size, 1).drawn(whole, size)) < 2.5


def test_copies_that_have_served_are_let_go() -> None:
    source = scene(800, 600)
    pyramid = Pyramid(source, source.size, 1)
    for width in (400, 200, 100, 50):
        pyramid.drawn((0, 0, 800, 600), (width, width * 3 // 4))
    assert [level.image.width for level in pyramid._levels] == [100, 50]  # noqa: SLF001 - no other way to see it


def test_an_enlarged_picture_and_a_transparent_one_keep_to_stored_numbers() -> None:
    source = scene(64, 48)
    enlarged = PyramidLevel(source, (64, 48)).resized((128, 96), (0, 0, 64, 48)).image
    assert difference(enlarged, source.resize((128, 96), Image.Resampling.LANCZOS)) == 0
    clear = source.convert("RGBA").convert("RGBa")
    shrunk = PyramidLevel(clear, (64, 48)).resized((16, 12), (0, 0, 64, 48)).image
    assert shrunk.mode == "RGBa"


def test_large_pictures_shrink_as_they_are_stored() -> None:
    source = scene(1700, 1300)
    assert source.width * source.height > LINEAR_MAX_PIXELS
    drawn = PyramidLevel(source, source.size).resized((800, 612), (0, 0, *source.size)).image
    assert difference(drawn, source.resize((800, 612), Image.Resampling.LANCZOS)) == 0


@pytest.mark.parametrize("width", [1600, 1603])
def test_a_jpeg_scaled_while_it_is_decoded_looks_like_one_that_was_not(renderer: Renderer, width: int) -> None:
    source = scene(width, 1201)
    data = encoded(source, "JPEG", quality=95)
    scaled = renderer.picture(data, width=150, format="png")
    files = renderer.render(
        data, {"name": "large", "width": 1200, "format": "png"}, {"name": "small", "width": 150, "format": "png"}
    )
    with Image.open(files[1]["path"]) as unscaled:
        assert scaled.size == unscaled.size
        assert difference(scaled, unscaled.copy()) < 4
