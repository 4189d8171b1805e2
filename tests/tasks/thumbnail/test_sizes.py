"""The promised size, in real files of every orientation and fit."""

from itertools import product

import pytest
from PIL import Image

from tasks.thumbnail.variants import Variant
from tests.support.pictures import detailed, encoded
from tests.support.thumbnail.drawing import Renderer

BOXES = [(1, 1), (7, 100), (64, 64), (100, 7), (333, 200)]


@pytest.mark.parametrize("name", ["JPEG", "PNG"])
@pytest.mark.parametrize("source", [(640, 427), (427, 640), (1, 300), (300, 2)], ids=str)
def test_files_have_exactly_the_promised_size(renderer: Renderer, source: tuple[int, int], name: str) -> None:
    variants = [
        Variant(name=f"{fit}-{width}-{height}-{enlarge}".lower(), width=width, height=height, fit=fit, enlarge=enlarge)
        for fit, (width, height), enlarge in product(("contain", "cover", "pad"), BOXES, (False, True))
    ]
    data = encoded(detailed(*source), name)
    for some in (variants[:15], variants[15:]):
        for variant, file in zip(some, renderer.render(data, *(one.model_dump() for one in some)), strict=True):
            with Image.open(file["path"]) as picture:
                size = picture.size
            assert (file["width"], file["height"]) == size
            assert variant.width is not None
            assert variant.height is not None
            assert 1 <= size[0] <= variant.width
            assert 1 <= size[1] <= variant.height
            if variant.fit == "pad" or (variant.fit == "cover" and variant.enlarge):
                assert size == (variant.width, variant.height)
            if variant.fit != "pad" and not variant.enlarge:
                assert size[0] <= source[0]
                assert size[1] <= source[1]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("fit", ["contain", "cover", "pad"])
def test_sizes_are_those_of_the_picture_as_seen(renderer: Renderer, fit: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen = (600, 400) if orientation < 5 else (400, 600)
    data = encoded(detailed(600, 400), "JPEG", exif=exif)
    picture = renderer.picture(data, width=120, height=60, fit=fit)
    expected = {"cover": (120, 60), "pad": (120, 60), "contain": (90, 60) if seen == (600, 400) else (40, 60)}
    assert picture.size == expected[fit]
    assert (renderer.probe(data)["width"], renderer.probe(data)["height"]) == seen


def test_a_small_source_is_not_enlarged_unless_asked(renderer: Renderer) -> None:
    data = encoded(detailed(40, 30), "PNG")
    assert renderer.picture(data, width=400, height=400).size == (40, 30)
    assert renderer.picture(data, width=400, height=400, enlarge=True).size == (400, 300)
    assert renderer.picture(data, width=400, height=400, fit="cover").size == (30, 30)
    padded = renderer.picture(data, width=400, height=400, fit="pad", format="png", background="#123456")
    assert padded.size == (400, 400)
    assert padded.getpixel((100, 100)) == (0x12, 0x34, 0x56)
    assert padded.crop((180, 185, 220, 215)).tobytes() == detailed(40, 30).tobytes()


def test_a_source_of_the_very_size_is_not_resampled(renderer: Renderer) -> None:
    source = detailed(64, 64)
    drawn = renderer.picture(encoded(source, "PNG"), width=64, height=64, fit="cover", format="png")
    assert drawn.tobytes() == source.tobytes()


def test_cover_keeps_the_middle(renderer: Renderer) -> None:
    source = Image.new("RGB", (300, 100), "red")
    source.paste("blue", (100, 0, 200, 100))
    drawn = renderer.picture(encoded(source, "PNG"), width=50, height=50, fit="cover", format="png")
    assert drawn.getpixel((3, 25)) == drawn.getpixel((46, 25)) == (0, 0, 255)
