"""Which part of the picture is seen: fit, gravity, focal point, crop and turns."""

import io
from itertools import product
from typing import Any

import pytest
from PIL import Image, ImageOps

from tasks.refusal import Refusal
from tasks.thumbnail.geometry import Box, plan
from tasks.thumbnail.options.regions import GRAVITIES
from tasks.thumbnail.options.turning import stored_box, turned, turned_box
from tasks.thumbnail.variants import Variant
from tests.support.pictures import TURNS_OF_ORIENTATION, encoded, quarters
from tests.support.thumbnail.drawing import Renderer, close, corners

RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 180, 40), (30, 40, 220), (230, 210, 40)


def grid(columns: int, rows: int) -> Image.Image:
    """A picture of which each pixel says where it is: red is its column and green its row, times eight."""
    picture = Image.new("RGB", (columns, rows))
    picture.putdata([(8 * x, 8 * y, 0) for y in range(rows) for x in range(columns)])
    return picture


def drawn(renderer: Renderer, source: Image.Image, **variant: Any) -> Image.Image:
    return renderer.picture(encoded(source, "PNG"), format="png", **variant)


def test_exact_stretches_the_picture_to_the_box(renderer: Renderer) -> None:
    picture = drawn(renderer, quarters(64, 48), width=20, height=60, fit="exact")
    assert picture.size == (20, 60)
    for seen, right in zip(corners(picture), (RED, GREEN, BLUE, YELLOW), strict=True):
        assert close(seen, right)
    assert drawn(renderer, quarters(8, 8), width=30, height=10, fit="exact").size == (30, 10)


@pytest.mark.parametrize("gravity", GRAVITIES)
def test_cover_keeps_the_part_where_gravity_pulls(renderer: Renderer, gravity: str) -> None:
    across, down = GRAVITIES[gravity]
    for source in (grid(24, 8), grid(8, 24)):
        left, top = int((source.width - 8) * across), int((source.height - 8) * down)
        picture = drawn(renderer, source, width=8, height=8, fit="cover", gravity=gravity)
        assert picture.tobytes() == source.crop((left, top, left + 8, top + 8)).tobytes()


@pytest.mark.parametrize("gravity", GRAVITIES)
def test_pad_puts_the_picture_where_gravity_pulls(renderer: Renderer, gravity: str) -> None:
    across, down = GRAVITIES[gravity]
    source = grid(8, 8)
    picture = drawn(renderer, source, width=20, height=14, fit="pad", gravity=gravity, background="#0000ff")
    left, top = int(12 * across), int(6 * down)
    right = Image.new("RGB", (20, 14), "#0000ff")
    right.paste(source, (left, top))
    assert picture.tobytes() == right.tobytes()


@pytest.mark.parametrize(
    ("x", "left"), [(0, 0), (0.25, 2), (0.5, 8), (0.9, 16), (1, 16)], ids=["edge", "left", "middle", "right", "end"]
)
def test_cover_keeps_a_focal_point_in_the_middle_where_it_can(renderer: Renderer, x: float, left: int) -> None:
    source = grid(24, 8)
    picture = drawn(renderer, source, width=8, height=8, fit="cover", focal={"x": x, "y": 0.5})
    assert picture.tobytes() == source.crop((left, 0, left + 8, 8)).tobytes()


def test_a_focal_point_is_one_of_the_whole_picture_whatever_is_cropped_and_turned(renderer: Renderer) -> None:
    source, focal = grid(24, 8), {"x": 0.75, "y": 0.5}
    crop = {"x": 4, "y": 0, "width": 18, "height": 8}
    cropped = drawn(renderer, source, width=8, height=8, fit="cover", focal=focal, crop=crop)
    assert cropped.tobytes() == source.crop((14, 0, 22, 8)).tobytes()
    both = drawn(renderer, source, width=8, height=8, fit="cover", focal=focal, crop=crop, rotate=90)
    assert both.tobytes() == source.crop((14, 0, 22, 8)).transpose(Image.Transpose.ROTATE_270).tobytes()


@pytest.mark.parametrize(
    ("crop", "box"),
    [
        ({"x": 3, "y": 2, "width": 5, "height": 4}, (3, 2, 8, 6)),
        ({"x": 20, "y": 5, "width": 50, "height": 50}, (20, 5, 24, 8)),
        ({"x": 0.25, "y": 0.5, "width": 0.5, "height": 0.5, "unit": "fraction"}, (6, 4, 18, 8)),
        ({"x": 0, "y": 0, "width": 0.001, "height": 1, "unit": "fraction"}, (0, 0, 1, 8)),
    ],
    ids=["pixels", "beyond", "fractions", "thin"],
)
def test_a_crop_is_a_part_of_the_picture(renderer: Renderer, crop: dict[str, Any], box: Box) -> None:
    source = grid(24, 8)
    assert drawn(renderer, source, width=100, crop=crop).tobytes() == source.crop(box).tobytes()


def test_a_crop_comes_before_the_fit(renderer: Renderer) -> None:
    source = grid(24, 8)
    crop = {"x": 4, "y": 1, "width": 12, "height": 6}
    picture = drawn(renderer, source, width=6, height=6, fit="cover", gravity="east", crop=crop)
    assert picture.tobytes() == source.crop((10, 1, 16, 7)).tobytes()


def test_a_crop_outside_of_the_picture_is_refused(renderer: Renderer) -> None:
    outside = {"width": 8, "crop": {"x": 24, "y": 0, "width": 5, "height": 5}}
    with pytest.raises(Refusal) as caught:
        renderer.render(
            encoded(grid(24, 8), "PNG"),
            {"name": "whole", "width": 8},
            *({"name": name, **outside} for name in ("one", "two")),
        )
    assert (caught.value.code, caught.value.field) == ("crop_outside", "variants.1.crop")
    assert caught.value.message == (
        "The crop of the variant 'one' begins at 24, 0, outside the picture of 24 × 8 pixels; let it begin inside. "
        "The crops of 'two' begin outside too."
    )


@pytest.mark.parametrize("degrees", [90, 180, 270])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_after_it_is_upright(renderer: Renderer, orientation: int, degrees: int) -> None:
    source, turn = grid(24, 8), TURNS_OF_ORIENTATION[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(source.transpose(turn) if turn is not None else source, "PNG", exif=exif)
    right = source.crop((4, 1, 16, 7)).rotate(-degrees, expand=True)
    crop = {"x": 4, "y": 1, "width": 12, "height": 6}
    assert renderer.picture(data, format="png", width=99, crop=crop, rotate=degrees).tobytes() == right.tobytes()
    square = renderer.picture(
        data, format="png", width=6, height=6, fit="cover", crop=crop, rotate=degrees, gravity="northwest"
    )
    assert square.tobytes() == right.crop((0, 0, 6, 6)).tobytes()


def test_a_turned_picture_is_fitted_as_it_is_seen(renderer: Renderer) -> None:
    picture = drawn(renderer, quarters(64, 48), width=24, height=100, rotate=90)
    assert picture.size == (24, 32)
    for seen, right in zip(corners(picture), (BLUE, RED, YELLOW, GREEN), strict=True):
        assert close(seen, right)


def test_a_crop_of_a_large_picture_is_drawn_alike_by_both_engines_and_scales(renderer: Renderer) -> None:
    """A part is resampled like the same part on its own; libvips may place it half a pixel beside it."""
    source = quarters(160, 120)
    crop = {"x": 40, "y": 30, "width": 80, "height": 60}
    for width in (80, 40, 20):
        picture = drawn(renderer, source, width=width, crop=crop)
        assert picture.size == (width, width * 3 // 4)
        assert all(map(close, corners(picture), (RED, GREEN, BLUE, YELLOW)))


def test_a_few_pixels_of_a_large_picture_may_be_enlarged(renderer: Renderer) -> None:
    """Neither engine has a picture that is so large as the whole would be."""
    crop = {"x": 1998, "y": 3, "width": 4, "height": 4}
    data = encoded(quarters(4000, 10), "PNG", compress_level=1)
    picture = renderer.picture(data, width=8192, height=6, fit="exact", crop=crop, format="png")
    assert picture.size == (8192, 6)
    assert close(picture.getpixel((0, 0)), RED, 25)
    assert close(picture.getpixel((8191, 5)), YELLOW, 25)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_regions_are_found_in_the_stored_picture(orientation: int) -> None:
    stored = grid(24, 8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(io.BytesIO(encoded(stored, "PNG", exif=exif))) as opened:
        upright = ImageOps.exif_transpose(opened)
    box = (1, 2, 6, 5)
    part = stored.crop(stored_box(box, stored.size, orientation))
    seen = set(upright.crop(box).convert("RGB").get_flattened_data())
    assert set(part.get_flattened_data()) == seen


def test_four_quarter_turns_are_none() -> None:
    for orientation, degrees in product(range(1, 9), (0, 90, 180, 270)):
        assert turned(turned(orientation, degrees), 360 - degrees) == orientation
    assert turned_box((1, 2, 3, 4), (8, 24), 90) == (4, 1, 6, 3)


def test_plans_of_small_pictures_stay_inside_them() -> None:
    for size, gravity, rotate, crop in product(
        ((1, 1), (1, 9), (7, 3)), GRAVITIES, (0, 90), (None, {"x": 0, "y": 0, "width": 1, "height": 1})
    ):
        variant = Variant.model_validate(
            {"name": "v", "width": 4, "height": 6, "fit": "cover", "gravity": gravity, "rotate": rotate, "crop": crop}
        )
        left, top, right, bottom = plan(size, variant.model_dump(), 6).box
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
