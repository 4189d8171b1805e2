"""Every format in, every format out, by content whatever the name says."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tasks.thumbnail.imaging import render
from tasks.thumbnail.variants import variants_of
from tests.support.pictures import detailed, encoded, quarters
from tests.support.thumbnail.drawing import LIMITS, Renderer, close, corners

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
    kind = "jpeg" if name == "MPO" else name.lower()
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
    files = render(str(renderer.source), str(renderer.drawn), variants, LIMITS, renderer.engine, report=report)
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
