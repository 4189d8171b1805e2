"""What `probe` says a picture will take, against what it takes."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tasks.refusal import Refusal
from tasks.settings import Settings
from tests.support.pictures import encoded, scene
from tests.support.thumbnail.drawing import Renderer

MEASURE = """
import pathlib, re, sys
from tasks.thumbnail.imaging import opened, render
from tasks.thumbnail.variants import variants_of
from tests.support.thumbnail.drawing import LIMITS, silent

def megabytes(line):
    return int(re.search(line + r":\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) / 1024

source, folder, engine, resize, truncated = sys.argv[1:]
variants = [variant.model_dump() | {"resize": resize} for variant in variants_of("default")]
LIMITS["draw_truncated"] = int(truncated)
with opened(source, variants, LIMITS, with_vips=engine == "vips") as found:
    estimate = found.memory_mb
pathlib.Path("/proc/self/clear_refs").write_text("5")
before = megabytes("VmRSS")
render(source, folder, variants, LIMITS, engine, report=silent)
print(estimate, megabytes("VmHWM") - before)
"""

KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "jpeg": ("JPEG", "RGB", {}),
    "progressive jpeg": ("JPEG", "RGB", {"progressive": True, "subsampling": "4:4:4"}),
    "png": ("PNG", "RGB", {"compress_level": 1}),
    "transparent png": ("PNG", "RGBA", {"compress_level": 1}),
    "palette png": ("PNG", "P", {"compress_level": 1}),
    "webp": ("WEBP", "RGB", {"method": 0}),
    "avif": ("AVIF", "RGB", {"speed": 10}),
    "heic": ("HEIF", "RGB", {"enc_params": {"preset": "ultrafast"}}),
    "tiff": ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    "gif": ("GIF", "P", {}),
}


def estimated_and_taken(renderer: Renderer, data: bytes, resize: str = "gamma", *, truncated: bool = False) -> Any:
    """Megabytes that drawing it is expected to take, and that it takes."""
    renderer.source.write_bytes(data)
    command = [sys.executable, "-c", MEASURE, str(renderer.source), str(renderer.drawn), renderer.engine]
    done = subprocess.run([*command, resize, str(int(truncated))], capture_output=True, text=True, check=True)
    return map(float, done.stdout.split())


def sample(kind: str, size: tuple[int, int] = (4000, 3000)) -> bytes:
    name, mode, options = KINDS[kind]
    picture = scene(500, 375).convert("RGBA" if mode == "RGBA" else "RGB")
    if mode == "RGBA":
        picture.putalpha(128)
    return encoded(picture.resize(size).convert(mode), name, **options)


needs_peaks = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="the kernel tells peak memory on Linux"
)


@needs_peaks
@pytest.mark.parametrize("kind", KINDS)
def test_the_estimate_is_enough_and_not_far_off(renderer: Renderer, kind: str) -> None:
    estimate, taken = estimated_and_taken(renderer, sample(kind))
    assert taken <= estimate + 4
    if renderer.engine == "pillow":  # which libvips leaves a file to that it does not draw; it takes less itself
        assert estimate <= 2.5 * taken + 24


@needs_peaks
@pytest.mark.parametrize("kind", ["png", "transparent png"])
def test_the_estimate_is_enough_for_linear_light(renderer: Renderer, kind: str) -> None:
    estimate, taken = estimated_and_taken(renderer, sample(kind), "linear")
    assert taken <= estimate + 4


@needs_peaks
@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_the_estimate_is_enough_for_what_there_is_of_a_file(tmp_path: Path, kind: str) -> None:
    data = sample(kind)
    renderer = Renderer(tmp_path, "pillow")  # which libvips leaves it to
    estimate, taken = estimated_and_taken(renderer, data[: len(data) * 2 // 3], truncated=True)
    assert taken <= estimate + 4


@needs_peaks
def test_the_estimate_is_enough_for_a_frame_that_is_smaller_than_its_canvas(tmp_path: Path) -> None:
    frame = bytearray(sample("gif"))
    frame[6:8] = (4001).to_bytes(2, "little")  # the canvas is a column wider
    estimate, taken = estimated_and_taken(Renderer(tmp_path, "pillow"), bytes(frame))
    assert taken <= estimate + 4


def test_one_large_file_of_any_format_and_two_jpegs_fit_half_a_gigabyte(prober: Renderer) -> None:
    """24 megapixels within the 300 MB that a 512 MB machine can spare for pictures."""
    for kind, (name, mode, options) in KINDS.items():
        data = encoded(Image.new(mode, (6000, 4000)), name, **options)
        estimate = prober.probe(data)["memory_mb"]
        assert estimate <= 300, kind
        if kind == "jpeg":
            assert 2 * estimate <= 300


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_does_not_fit_is_refused_with_the_size_that_does(prober: Renderer, kind: str) -> None:
    name, mode, options = KINDS[kind]
    limit_mb = 40 if kind == "jpeg" else 60

    def probed(width: int, height: int) -> int:
        picture = Image.new(mode, (width, height))
        memory_mb: int = prober.probe(encoded(picture, name, **options), max_memory_mb=limit_mb)["memory_mb"]
        return memory_mb

    with pytest.raises(Refusal, match="SANDBOX_BUDGET_MB") as caught:
        probed(8000, 6000)
    assert (caught.value.code, caught.value.limit) == ("too_much_memory", limit_mb)
    found = re.search(r"(\d+) × (\d+) pixels fit", caught.value.message)
    assert found, caught.value.message
    width, height = map(int, found.groups())
    assert probed(width, height) <= limit_mb
    if "jpeg" not in kind:  # a larger one is scaled down while it is decoded
        with pytest.raises(Refusal):
            probed(round(width * 1.1), round(height * 1.1))


def test_variants_that_do_not_fit_by_themselves_are_told(prober: Renderer) -> None:
    huge = {"name": "huge", "width": 4000, "height": 4000, "fit": "pad"}
    with pytest.raises(Refusal, match="smaller variants"):
        prober.probe(encoded(Image.new("RGB", (100, 100)), "PNG"), huge, max_memory_mb=60)


def test_with_the_defaults_every_picture_of_the_most_pixels_fits(prober: Renderer) -> None:
    settings = Settings(_env_file=None)
    for kind in ("png", "transparent png", "webp", "tiff"):
        name, mode, options = KINDS[kind]
        data = encoded(Image.new(mode, (10_000, settings.max_pixels // 10_000)), name, **options)
        assert prober.probe(data, max_memory_mb=settings.sandbox_budget_mb)["memory_mb"] > 300
