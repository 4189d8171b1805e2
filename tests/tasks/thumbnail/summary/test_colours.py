import pytest
from PIL import Image, ImageDraw

from tasks.thumbnail.engines.pillow import PillowRaster
from tasks.thumbnail.engines.raster import Raster
from tasks.thumbnail.engines.vips import VipsRaster
from tasks.thumbnail.summary.colours import PALETTE_COLOURS, dominant_colour, palette
from tests.support.pictures import scene
from tests.support.thumbnail.drawing import close
from tests.support.thumbnail.rasters import vips_of

BANDS = {"#c81e1e": 30, "#1e3cc8": 12, "#f0f0f0": 10, "#141414": 8, "#1ea03c": 4}


def banded(mode: str = "RGB") -> Image.Image:
    """A picture of 64 columns, each in one of the colours of BANDS."""
    picture, left = Image.new(mode, (64, 48)), 0
    for colour, columns in BANDS.items():
        ImageDraw.Draw(picture).rectangle((left, 0, left + columns - 1, 47), fill=colour)
        left += columns
    return picture


def rgb(colour: str) -> bytes:
    return bytes.fromhex(colour.removeprefix("#"))


def test_a_palette_has_the_main_colours_that_of_the_most_pixels_first() -> None:
    assert palette(banded()) == list(BANDS)


def test_no_more_than_five() -> None:
    assert len(palette(scene(64, 43))) == PALETTE_COLOURS


@pytest.mark.parametrize(("mode", "colour"), [("L", "#808080"), ("RGB", "#808080"), ("RGBA", "#808080")])
def test_one_colour_is_a_palette_of_one(mode: str, colour: str) -> None:
    assert palette(Image.new(mode, (9, 9), colour)) == [colour]


def test_transparent_pixels_do_not_count() -> None:
    picture = banded("RGBA")
    clear = Image.new("RGBA", picture.size, (0, 255, 255, 0))
    clear.paste(picture.crop((30, 0, 42, 48)), (30, 0))
    assert palette(clear) == ["#1e3cc8"]
    assert palette(Image.new("RGBA", (9, 9), (0, 255, 255, 0))) == []


@pytest.mark.parametrize("engine", [PillowRaster, vips_of])
def test_the_dominant_colour_of_a_picture_of_any_size(engine: type[PillowRaster]) -> None:
    raster: Raster = engine(banded().resize((640, 300), Image.Resampling.NEAREST))
    assert close(rgb(dominant_colour(raster)), rgb("#c81e1e"), 4)
    assert dominant_colour(engine(Image.new("RGBA", (3, 3)))) == "#ffffff"


def test_both_engines_find_the_same() -> None:
    picture = scene(300, 200)
    assert isinstance(vips_of(picture), VipsRaster)
    assert close(rgb(dominant_colour(PillowRaster(picture))), rgb(dominant_colour(vips_of(picture))), 4)
