"""Every format in, every format out, by content whatever the name says."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tasks.refusal import Refusal
from tasks.thumbnail import imaging
from tasks.thumbnail.imaging import render
from tasks.thumbnail.variants import variants_of
from tests.support.pictures import detailed, encoded, quarters
from tests.support.thumbnail.drawing import LIMITS, Renderer, close, corners
from tests.support.thumbnail.raw_files import png_of_grey, tiff_of_grey

COLOURS = [(220, 30, 30), (30, 180, 40), (30, 40, 220), (230, 210, 40)]
SOURCES: dict[str, tuple[str, dict[str, Any]]] = {
    "jpeg": ("JPEG", {"quality": 95}),
    "progressive jpeg": ("JPEG", {"quality": 95, "progressive": True}),
    "mpo": ("MPO", {"quality": 95, "save_all": True, "append_images": [Image.new("RGB", (64, 48))]}),
    "png": ("PNG", {}),
    "apng": ("PNG", {"save_all": True, "append_images": [Image.new("RGB", (64, 48))]}),
    "webp": ("WEBP", {"quality": 95}),
    "lossless webp": ("WEBP", {"lossless": True}),
    "animated webp": ("WEBP", {"save_all": True, "append_images": [Image.new("RGB", (64, 48))]}),
    "avif": ("AVIF", {"quality": 95}),
    "heic": ("HEIF", {"quality": 95}),
    "heic of tiles": ("HEIF", {"quality": 95, "tile_size": 64}),
    "gif": ("GIF", {}),
    "animated gif": ("GIF", {"save_all": True, "append_images": [Image.new("RGB", (64, 48))]}),
    "tiff": ("TIFF", {}),
    "lzw tiff": ("TIFF", {"compression": "tiff_lzw"}),
    "jpeg tiff": ("TIFF", {"compression": "jpeg", "quality": 95}),
    "big tiff": ("TIFF", {"big_tiff": True}),
    "bmp": ("BMP", {}),
}


@pytest.mark.parametrize("out", ["jpeg", "png", "webp", "avif"])
@pytest.mark.parametrize("source", SOURCES)
def test_every_format_becomes_every_format(renderer: Renderer, source: str, out: str) -> None:
    name, options = SOURCES[source]
    data = encoded(quarters(), name, **options)
    file = renderer.render(data, {"name": "one", "width": 32, "format": out, "quality": None})[0]
    assert file["type"] == f"image/{out}"
    assert file["path"].endswith(".jpg" if out == "jpeg" else f".{out}")
    with Image.open(file["path"]) as picture:
        assert (picture.format, picture.size) == (out.upper(), (32, 24))
        assert (file["width"], file["height"]) == picture.size
        for pixel, colour in zip(corners(picture), COLOURS, strict=True):
            assert close(pixel, colour, 25)


@pytest.mark.parametrize("source", SOURCES)
def test_the_probe_tells_what_a_file_is_without_decoding_it(renderer: Renderer, source: str) -> None:
    name, options = SOURCES[source]
    data = encoded(quarters(), name, **options)
    about = renderer.probe(data)
    kind = {"MPO": "jpeg", "HEIF": "heic"}.get(name, name.lower())
    assert (about["format"], about["type"]) == (kind, f"image/{kind}")
    assert (about["width"], about["height"], about["orientation"]) == (64, 48, 1)
    assert about["frames"] == (2 if source in ("apng", "animated webp", "animated gif") else 1)
    assert about["has_alpha"] is False
    assert 0 < about["memory_mb"] < 100


def test_content_decides_whatever_the_name_says(renderer: Renderer) -> None:
    renderer.source = renderer.source.with_name("photo.jpg")
    assert renderer.probe(encoded(quarters(), "GIF"))["format"] == "gif"
    assert renderer.picture(encoded(quarters(), "AVIF"), width=10).size == (10, 8)


def test_auto_draws_jpeg_for_opaque_and_webp_for_transparent_pictures(renderer: Renderer) -> None:
    clear = quarters(mode="RGBA")
    opaque = encoded(clear, "PNG")
    clear.putpixel((0, 0), (0, 0, 0, 0))
    assert renderer.picture(opaque, width=32).format == "JPEG"
    assert renderer.picture(encoded(clear, "PNG"), width=32).format == "WEBP"


def test_quality_is_obeyed(renderer: Renderer) -> None:
    data = encoded(detailed(256, 256), "PNG")
    for out in ("jpeg", "webp", "avif"):
        low, high = renderer.render(
            data,
            {"name": "low", "width": 128, "format": out, "quality": 20},
            {"name": "high", "width": 128, "format": out, "quality": 95},
        )
        assert low["bytes"] * 2 < high["bytes"]


def test_files_come_in_the_order_asked_for_and_every_one_is_reported(renderer: Renderer) -> None:
    renderer.source.write_bytes(encoded(quarters(640, 480), "JPEG"))
    heard: list[tuple[int, int]] = []

    def report(done: int, total: int, note: str = "") -> None:
        heard.append((done, total))

    variants = [variant.model_dump() for variant in variants_of("default")]
    place = (str(renderer.source), str(renderer.drawn))
    files = render(*place, variants, LIMITS, renderer.engine, report=report)["files"]
    assert [file["name"] for file in files] == ["small", "medium", "large", "square"]
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert sorted(path.name for path in renderer.drawn.iterdir()) == [
        "large.jpg",
        "medium.jpg",
        "small.jpg",
        "square.jpg",
    ]
    assert all(file["bytes"] == (renderer.drawn / f"{file['name']}.jpg").stat().st_size for file in files)


def test_without_libvips_pillow_draws_unless_libvips_was_asked_for(tmp_path: Path) -> None:
    program = """
import sys
sys.modules["pyvips"] = None
from pathlib import Path
from tests.support.pictures import encoded, scene
from tests.support.thumbnail.drawing import Renderer
for engine in ("auto", "vips"):
    folder = Path(sys.argv[1], engine)
    folder.mkdir()
    try:
        print(Renderer(folder, engine).picture(encoded(scene(64, 48), "JPEG"), width=32).size)
    except RuntimeError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    drawn, refused = done.stdout.splitlines()
    assert drawn == "(32, 24)"
    assert refused.startswith("IMAGE_ENGINE is vips, but libvips cannot be loaded (")


MODES = {
    "JPEG": ("L", "RGB", "CMYK"),
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "WEBP": ("RGB", "RGBA"),
}


@pytest.mark.parametrize(("name", "mode"), [(name, mode) for name, modes in MODES.items() for mode in modes])
def test_libvips_draws_its_formats_without_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, mode: str
) -> None:
    def helped(*_: Any) -> Any:
        raise AssertionError("Pillow had to draw it")

    monkeypatch.setattr(imaging, "_by_pillow", helped)
    renderer = Renderer(tmp_path, "vips")
    data = encoded((quarters().convert("L") if mode == "I;16" else quarters()).convert(mode), name)
    for widths in ((64,), (16,), (64, 40, 20)):
        variants = [
            {"name": str(width), "width": width, "height": width, "fit": "cover", "enlarge": True} for width in widths
        ]
        files = renderer.render(data, {"name": "whole", "width": 30}, *variants)
        assert [file["width"] for file in files] == [30, *widths]


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_that_a_png_names_as_transparent_is_so_at_every_depth(renderer: Renderer, bits: int) -> None:
    white = 2**bits - 1
    rows = [[white] * 8 + [0] * 8] * 16
    data = png_of_grey(rows, bits, transparent=white)
    drawn = renderer.picture(data, width=16, format="png")
    assert (drawn.mode, drawn.getpixel((2, 2)), drawn.getpixel((13, 2))) == ("LA", (0, 0), (0, 255))


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize("bits", [12, 16])
def test_deep_grey_of_a_tiff_is_scaled_in_either_byte_order(renderer: Renderer, bits: int, order: str) -> None:
    white = 2**bits - 1
    if (bits, order) == (12, "big"):
        with pytest.raises(Refusal, match="kind of pixels in a tiff") as caught:
            renderer.probe(tiff_of_grey([[0]], bits, order))
        assert caught.value.code == "unsupported_format"
        return
    drawn = renderer.picture(tiff_of_grey([[0, white // 2], [white, white]], bits, order), width=2, format="png")
    assert drawn.mode == "L"
    for place, level in {(0, 0): 0, (1, 0): 127, (0, 1): 255}.items():
        assert abs(int(str(drawn.getpixel(place))) - level) <= 1


def test_a_jpeg_that_lacks_only_its_end_mark_is_drawn(renderer: Renderer) -> None:
    for options in ({}, {"progressive": True}):
        data = encoded(quarters(), "JPEG", quality=95, **options)
        assert data.endswith(b"\xff\xd9")
        assert corners(renderer.picture(data[:-2], width=64, format="png")) == corners(
            renderer.picture(data, width=64, format="png")
        )


def test_a_png_without_its_end_is_drawn(renderer: Renderer) -> None:
    data = encoded(quarters(), "PNG")
    assert corners(renderer.picture(data[:-12], width=64, format="png")) == corners(quarters())
