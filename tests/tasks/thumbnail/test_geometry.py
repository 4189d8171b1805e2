"""Sizes, swept over many sources and boxes: pure numbers, so thousands of them cost nothing."""

from itertools import product

import pytest

from tasks.thumbnail.geometry import MAX_SIDE_PX, Plan, Size, plan
from tasks.thumbnail.variants import Variant

SIDES = (1, 2, 3, 7, 16, 99, 100, 101, 255, 640, 1023, 4000, 29_999)
SOURCES = list(product(SIDES, SIDES))
BOX_SIDES = (1, 2, 33, 100, 255, 1024, MAX_SIDE_PX)
BOXES = list(product(BOX_SIDES, BOX_SIDES))


def planned(source: Size, box: tuple[int | None, int | None], fit: str, *, enlarge: bool = False) -> Plan:
    width, height = box
    variant = Variant.model_validate({"name": "v", "width": width, "height": height, "fit": fit, "enlarge": enlarge})
    return plan(source, variant.model_dump())


@pytest.mark.parametrize("enlarge", [False, True])
def test_contain_fits_touches_a_side_and_keeps_the_shape(enlarge: bool) -> None:
    for source, box in product(SOURCES, BOXES):
        drawn = planned(source, box, "contain", enlarge=enlarge)
        assert drawn.box == (0, 0, *source)
        assert drawn.size == drawn.canvas
        assert all(1 <= side <= limit for side, limit in zip(drawn.size, box, strict=True))
        if not enlarge and source[0] <= box[0] and source[1] <= box[1]:
            assert drawn.size == source
        else:
            assert drawn.size[0] == box[0] or drawn.size[1] == box[1]
        scale = min(box[0] / source[0], box[1] / source[1], *(() if enlarge else (1.0,)))
        for side, original in zip(drawn.size, source, strict=True):
            assert abs(side - original * scale) <= 0.5 + 1e-6 or side == 1


def test_cover_is_the_exact_box_with_a_centred_crop_where_the_source_is_large_enough() -> None:
    for source, box in product(SOURCES, BOXES):
        if source[0] < box[0] or source[1] < box[1]:
            continue
        drawn = planned(source, box, "cover")
        assert drawn.size == drawn.canvas == box
        assert_crop_is_centred_and_inside(drawn, source)


def test_cover_of_a_small_source_is_the_largest_crop_of_the_boxs_shape() -> None:
    for source, box in product(SOURCES, BOXES):
        drawn = planned(source, box, "cover")
        assert_crop_is_centred_and_inside(drawn, source)
        assert all(1 <= side <= min(limit, own) for side, limit, own in zip(drawn.size, box, source, strict=True))
        if source[0] < box[0] or source[1] < box[1]:
            assert drawn.size[0] == source[0] or drawn.size[1] == source[1]
            assert drawn.scale == 1
    assert planned((64, 48), (256, 256), "cover").size == (48, 48)
    assert planned((300, 100), (400, 200), "cover").size == (200, 100)


def test_cover_enlarges_when_asked() -> None:
    for source, box in product(SOURCES, BOXES):
        drawn = planned(source, box, "cover", enlarge=True)
        assert drawn.size == drawn.canvas == box
        assert_crop_is_centred_and_inside(drawn, source)


def assert_crop_is_centred_and_inside(drawn: Plan, source: Size) -> None:
    left, top, right, bottom = drawn.box
    assert 0 <= left < right <= source[0] + 1e-6
    assert 0 <= top < bottom <= source[1] + 1e-6
    assert abs((source[0] - right) - left) <= 1 + 1e-6
    assert abs((source[1] - bottom) - top) <= 1 + 1e-6


@pytest.mark.parametrize("enlarge", [False, True])
def test_pad_is_always_the_exact_box(enlarge: bool) -> None:
    for source, box in product(SOURCES, BOXES):
        drawn = planned(source, box, "pad", enlarge=enlarge)
        assert drawn.canvas == box
        assert drawn.size == planned(source, box, "contain", enlarge=enlarge).size


def test_an_open_side_follows_the_shape_up_to_the_longest_side_we_draw() -> None:
    assert planned((4000, 3000), (400, None), "contain").size == (400, 300)
    assert planned((4000, 3000), (None, 300), "contain").size == (400, 300)
    assert planned((100, 30_000), (100, None), "contain").size == (27, MAX_SIDE_PX)
    assert planned((1, 30_000), (50, None), "contain", enlarge=True).size == (1, MAX_SIDE_PX)
