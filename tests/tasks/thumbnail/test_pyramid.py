"""How near a quick way down from size to size comes to the slow and right one."""

import itertools
from array import array
from pathlib import Path

import pytest
import pyvips
from PIL import Image, ImageChops, ImageStat

from tasks.thumbnail.codecs.encoding import OPTIONS
from tasks.thumbnail.colour.transfer import FROM_LINEAR, TO_LINEAR
from tasks.thumbnail.engines.pillow import PillowRaster
from tasks.thumbnail.engines.raster import Raster
from tasks.thumbnail.engines.vips import VipsRaster
from tasks.thumbnail.geometry import Plan
from tasks.thumbnail.pyramid import Pyramid, reads_of_source
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


def raster_of(engine: str, picture: Image.Image) -> Raster:
    if engine == "pillow":
        return PillowRaster(picture)
    data, (width, height) = picture.tobytes(), picture.size
    image = pyvips.Image.new_from_memory(data, width, height, len(picture.mode), "uchar")
    return VipsRaster(image.copy(interpretation="srgb"))


def seen(raster: Raster, folder: Path) -> Image.Image:
    """What a raster shows, in the mode of the file."""
    path = folder / "seen.png"
    raster.srgb().save(path, "png", OPTIONS["png"])
    with Image.open(path) as picture:
        picture.load()
        return picture


def whole(source: Image.Image, width: int) -> Plan:
    size = (width, width * source.height // source.width)
    return Plan((0, 0, *source.size), size, size)


@pytest.fixture(params=["vips", "pillow"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_linear_light_is_averaged_where_it_is_asked_for(engine: str, tmp_path: Path) -> None:
    source = scene(320, 240)
    right = in_linear_light(source, (80, 60))
    raster = raster_of(engine, source)
    assert difference(seen(Pyramid(raster.linear(), source.size, 1).drawn(whole(source, 80)), tmp_path), right) < 1.7
    assert difference(seen(Pyramid(raster, source.size, 1).drawn(whole(source, 80)), tmp_path), right) > 2.0


@pytest.mark.parametrize("pair", [(0, 255), (0, 60), (60, 200), (128, 255), (20, 40)])
def test_the_finest_lattice_keeps_its_light(engine: str, pair: tuple[int, int], tmp_path: Path) -> None:
    one, other = pair
    tile = Image.new("RGB", (2, 2), (one, other, one))
    tile.putpixel((0, 1), (other, one, one))
    tile.putpixel((1, 0), (other, one, one))
    source = Image.new("RGB", (128, 128))
    for left, top in itertools.product(range(0, 128, 2), repeat=2):
        source.paste(tile, (left, top))
    linear = raster_of(engine, source).linear()
    drawn = seen(Pyramid(linear, source.size, 1).drawn(whole(source, 32)), tmp_path)
    right = FROM_LINEAR[(TO_LINEAR[one] + TO_LINEAR[other]) // 2]
    red, green, blue = drawn.getpixel((16, 16))  # type: ignore[misc]
    assert abs(red - right) <= 4
    assert abs(green - right) <= 4
    assert blue == one


def test_what_is_dark_and_smooth_has_no_steps_in_linear_light(engine: str, tmp_path: Path) -> None:
    ramp = Image.new("RGB", (256, 16))
    for x in range(256):
        ramp.paste((x // 8, x // 8, x // 8), (x, 0, x + 1, 16))
    drawn = seen(Pyramid(raster_of(engine, ramp).linear(), ramp.size, 1).drawn(whole(ramp, 64)), tmp_path)
    for x in range(64):
        assert abs(drawn.getpixel((x, 2))[0] - (4 * x + 1.5) / 8) <= 1.5, x  # type: ignore[index]


def test_linear_light_of_what_is_partly_transparent_bleeds_no_hidden_colour(engine: str, tmp_path: Path) -> None:
    source = Image.new("RGBA", (64, 64), (0, 255, 0, 0))
    source.paste((200, 100, 50, 255), (32, 0, 64, 64))
    drawn = seen(raster_of(engine, source).linear().resized((16, 16), (0, 0, 64, 64)), tmp_path)
    assert drawn.mode == "RGBA"
    assert drawn.getpixel((15, 8)) == (200, 100, 50, 255)
    assert drawn.getpixel((0, 8))[3] == 0  # type: ignore[index]
    for x in range(16):
        red, green, _blue, alpha = drawn.getpixel((x, 8))  # type: ignore[misc]
        assert alpha < 8 or (abs(red - 200) <= 4 and abs(green - 100) <= 4), x


@pytest.mark.parametrize("space", ["gamma", "linear"])
def test_a_cascade_is_as_good_as_going_back_to_the_source_each_time(engine: str, space: str, tmp_path: Path) -> None:
    source = scene(1600, 1200)
    raster = raster_of(engine, source)
    raster = raster.linear() if space == "linear" else raster
    pyramid = Pyramid(raster, source.size, 1)
    for width in (700, 350, 170, 80):
        drawn = seen(pyramid.drawn(whole(source, width)), tmp_path)
        assert drawn.size == (width, width * 3 // 4)
        direct = seen(Pyramid(raster, source.size, 1).drawn(whole(source, width)), tmp_path)
        assert difference(drawn, direct) < 2.5


def test_copies_that_have_served_are_let_go() -> None:
    source = scene(800, 600)
    pyramid = Pyramid(PillowRaster(source), source.size, 1)
    for width in (400, 200, 100, 50):
        pyramid.drawn(whole(source, width))
    assert [copy.raster.size[0] for copy in pyramid._copies] == [100, 50]  # noqa: SLF001 - no other way to see it


@pytest.mark.parametrize(
    ("widths", "reads"), [((1024, 512, 256), 1), ((1024, 640, 320), 2), ((300,), 1), ((900, 800, 700), 3)]
)
def test_the_reads_of_the_source_are_known_before_it_is_decoded(widths: tuple[int, ...], reads: int) -> None:
    source = Image.new("L", (2048, 878))
    plans = [whole(source, width) for width in widths]
    assert reads_of_source(plans, source.size) == reads


def test_the_engines_resample_alike(tmp_path: Path) -> None:
    source = scene(640, 480)
    for size, box in (
        ((200, 150), (0, 0, 640, 480)),
        ((60, 60), (80.0, 0.0, 560.0, 480.0)),
        ((900, 90), (0, 0, 640, 64)),
    ):
        one, other = (seen(raster_of(name, source).resized(size, box), tmp_path) for name in ("vips", "pillow"))
        assert difference(one, other) < 3, size


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


def test_what_was_rounded_down_is_left_out_not_squeezed_in(engine: str, tmp_path: Path) -> None:
    source = Image.new("L", (300, 200))
    source.putdata([min(255, 16 * row) for row in range(200) for _ in range(300)])
    drawn = Pyramid(raster_of(engine, source.convert("RGB")), source.size, 1).drawn(whole(source, 200))  # 133.33 rows
    picture = seen(drawn, tmp_path)
    for row in (3, 5, 7):  # a row is 1.5 rows of the source, and a quarter of one is left out above
        assert picture.getpixel((100, row))[0] == pytest.approx(16 * (1.5 * (row + 0.5) - 0.5 + 0.25), abs=1)  # type: ignore[index]
