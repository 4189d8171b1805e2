"""Bad files, each refused under its own code, none leaving a file behind."""

import functools
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tasks.refusal import Refusal
from tasks.thumbnail.codecs.jpeg_scans import count_scans
from tasks.thumbnail.imaging import render
from tasks.thumbnail.variants import variants_of
from tests.support.pictures import (
    detailed,
    encoded,
    gif_of_frames,
    jpeg_of_scans,
    png_header,
    quarters,
    tiff_of_pages,
    webp_header,
)
from tests.support.thumbnail.drawing import LIMITS, Renderer, silent
from tests.support.thumbnail.raw_files import png_of

MANY_FORMATS: dict[str, dict[str, Any]] = {
    "JPEG": {},
    "PNG": {},
    "WEBP": {},
    "AVIF": {},
    "HEIF": {},
    "GIF": {},
    "BMP": {},
    "TIFF": {"compression": "tiff_lzw"},
}


@functools.cache
def sound(name: str) -> bytes:
    return encoded(detailed(200, 150), name, **MANY_FORMATS[name])


def refused(renderer: Renderer, data: bytes, *, by: str = "both", **limits: int) -> Refusal:
    """How a file is refused, by `probe` and `render` alike (or by `render` only); nothing is left of it."""
    functions: dict[str, Callable[..., Any]] = {"probe": renderer.probe, "render": renderer.render}
    answers = []
    for name in functions if by == "both" else [by]:
        with pytest.raises(Refusal) as caught:
            functions[name](data, {"name": "one", "width": 10}, {"name": "two", "width": 20}, **limits)
        answers.append(caught.value)
        assert not list(renderer.drawn.iterdir())
    assert len({(answer.code, answer.message) for answer in answers}) == 1
    return answers[0]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"just some words", "is text, which is not read. Send a JPEG"),
        (bytes(4000), "is no picture of a format that is read"),
        (b"\xff\xd8", "is no picture of a format that is read"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "HTML"),
        (
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n",
            "(EPS), which is not read. Save it as a PDF",
        ),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomiso2" + bytes(99), "a video (MP4 or MOV), which is not read. Send a still"),
        (b"8BPS\0\1" + bytes(99), "a Photoshop document (PSD), which is not read. Save it as a JPEG or PNG"),
        (b"PK\x03\x04" + bytes(99), "an archive (ZIP) or an office document"),
        (encoded(quarters(), "PPM"), "a Netpbm picture"),
        (encoded(quarters(), "EPS"), "a PostScript file"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40), "a JPEG XL picture, which is not read. Save it as a JPEG or PNG"),
        (b"BM is how this sentence begins, and it is no bitmap.", "is text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_unsupported_format_is_refused_and_named(renderer: Renderer, data: bytes, words: str) -> None:
    refusal = refused(renderer, data)
    assert refusal.code == "unsupported_format"
    assert words in refusal.message


def test_an_empty_file_is_refused(renderer: Renderer) -> None:
    assert refused(renderer, b"").code == "truncated"


@pytest.mark.parametrize("part", [0.02, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("name", MANY_FORMATS)
def test_a_file_that_ends_early_is_truncated(renderer: Renderer, name: str, part: float) -> None:
    data = sound(name)
    assert refused(renderer, data[: int(len(data) * part)], by="render").code == "truncated"


@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_whose_data_ends_before_its_last_row_is_truncated(renderer: Renderer, interlaced: bool) -> None:
    rows = zlib.compress(bytes(1 + 100) * 30)
    data = png_of((100, 100, 8, 0, 0, 0, int(interlaced)), rows)
    assert refused(renderer, data, by="render").code == "truncated"


def test_a_palette_picture_without_a_palette_is_corrupt(renderer: Renderer) -> None:
    data = png_of((4, 4, 8, 3, 0, 0, 0), zlib.compress(bytes(5 * 4)))
    refusal = refused(renderer, data, by="render")
    assert refusal.code == "corrupt"
    assert "Error" not in refusal.message


@pytest.mark.parametrize(
    "name_and_change",
    [
        ("JPEG", lambda data: data.replace(b"\xff\xc4", b"\xff\xc5", 1)),
        ("PNG", lambda data: data[:60] + bytes(200) + data[260:]),
        ("GIF", lambda data: data[:900] + b"\xff\x0f" * 400 + data[1700:]),
        ("WEBP", lambda data: data[:23] + bytes(3) + data[26:]),
        ("AVIF", lambda data: data[:40] + bytes(len(data) - 40)),
        ("HEIF", lambda data: data[:40] + bytes(len(data) - 40)),
        ("TIFF", lambda data: data[:8] + b"\xaa" * 30_000 + data[30_008:]),
    ],
    ids=lambda pair: pair[0],
)
def test_a_damaged_file_is_corrupt(renderer: Renderer, name_and_change: tuple[str, Callable[[bytes], bytes]]) -> None:
    name, change = name_and_change
    assert refused(renderer, change(sound(name)), by="render").code == "corrupt"


def test_a_picture_of_no_width_is_corrupt(renderer: Renderer) -> None:
    assert refused(renderer, png_header(0, 5)).code == "corrupt"


@pytest.mark.parametrize(
    "data",
    [png_header(60_000, 60_000), png_header(10_001, 10_000), webp_header(16_000, 16_000) + bytes(999)],
    ids=["PNG of 3.6 gigapixels", "PNG just above", "WebP"],
)
def test_a_pixel_bomb_is_refused_by_its_header(renderer: Renderer, data: bytes) -> None:
    refusal = refused(renderer, data)
    assert (refusal.code, refusal.limit) == ("too_many_pixels", 100_000_000)
    assert "100,000,000" in refusal.message


@pytest.mark.parametrize("name", MANY_FORMATS)
def test_the_limit_of_pixels_holds_to_the_pixel_in_every_format(renderer: Renderer, name: str) -> None:
    data = encoded(quarters(51, 33), name)
    assert refused(renderer, data, max_pixels=51 * 33 - 1).code == "too_many_pixels"
    assert len(renderer.render(data, max_pixels=51 * 33)) == 4


def test_a_side_that_is_too_long_is_refused_by_its_header(renderer: Renderer) -> None:
    refusal = refused(renderer, png_header(30_001, 10))
    assert (refusal.code, refusal.limit) == ("side_too_long", 30_000)
    assert "30001 × 10" in refusal.message


@pytest.mark.parametrize(
    "data",
    [
        gif_of_frames(12),
        tiff_of_pages(12),
        encoded(quarters(), "PNG", save_all=True, append_images=[detailed(64, 48).rotate(7 * n) for n in range(11)]),
        encoded(quarters(), "WEBP", save_all=True, append_images=[detailed(64, 48).rotate(7 * n) for n in range(11)]),
        encoded(quarters(), "AVIF", save_all=True, append_images=[quarters()] * 11, speed=10),
    ],
    ids=["GIF", "TIFF", "PNG", "WEBP", "AVIF"],
)
def test_more_frames_than_an_animation_may_have_are_no_reason_to_refuse_its_first(
    renderer: Renderer, data: bytes
) -> None:
    assert renderer.probe(data, max_frames=11)["frames"] == 12
    assert renderer.render(data, {"name": "one", "width": 8}, max_frames=11)


def test_a_frame_bomb_is_not_counted_to_its_end(prober: Renderer) -> None:
    assert prober.probe(gif_of_frames(1_000_000))["frames"] == 100_000


def test_tiff_pages_that_go_round_in_a_circle_are_counted_once(renderer: Renderer) -> None:
    data = bytearray(encoded(quarters(), "TIFF"))
    start = int.from_bytes(data[4:8], "little")
    after = start + 2 + 12 * int.from_bytes(data[start : start + 2], "little")
    data[after : after + 4] = data[4:8]
    assert renderer.probe(bytes(data))["frames"] == 1


def test_a_scan_bomb_is_refused_and_an_ordinary_progressive_jpeg_is_not(renderer: Renderer) -> None:
    refusal = refused(renderer, jpeg_of_scans(5_000))
    assert (refusal.code, refusal.limit) == ("too_many_scans", 100)
    assert renderer.picture(encoded(quarters(), "JPEG", progressive=True), width=20).size == (20, 15)


def test_scans_are_limited_by_the_size_of_the_picture_too(prober: Renderer) -> None:
    data = jpeg_of_scans(40)  # of 64 × 64 pixels
    assert prober.probe(data, max_scan_pixels=64 * 64 * 60)["format"] == "jpeg"
    refusal = refused(prober, data, max_scan_pixels=64 * 64 * 39)
    assert (refusal.code, refusal.limit) == ("too_many_scans", 39)
    assert "of 64 × 64 pixels may have up to 39 scans" in refusal.message


BIG = {"name": "big", "width": 8192, "height": 8192, "format": "png", "enlarge": True}


def test_the_pixels_of_all_variants_are_added_before_one_is_decoded(prober: Renderer) -> None:
    data = encoded(Image.new("RGB", (1, 1)), "PNG")
    with pytest.raises(Refusal, match="1,342,177,280 pixels together; the limit is 100,000,000") as caught:
        prober.probe(data, *[BIG | {"name": f"big-{number}"} for number in range(20)])
    assert caught.value.code == "too_many_pixels"
    small = {"name": "small", "width": 50, "height": 50, "fit": "pad"}
    assert prober.probe(data, small, max_output_pixels=2_500)["format"] == "png"
    for more in ({"dpr": [1, 2]}, {"formats": ["webp", "jpeg"]}):
        with pytest.raises(Refusal, match="MAX_OUTPUT_PIXELS"):
            prober.probe(data, small | more, max_output_pixels=4_999)


def test_scans_of_a_thumbnail_inside_the_metadata_do_not_count(tmp_path: Path) -> None:
    inner = jpeg_of_scans(50)
    outer = encoded(quarters(), "JPEG", exif=b"Exif\0\0" + inner, progressive=True)
    path = tmp_path / "nested.jpg"
    path.write_bytes(outer + inner)
    with path.open("rb") as file:
        assert count_scans(file, 100) == 10  # libjpeg's own script for colour


def scan_of_one(component: int = 1) -> bytes:
    """A scan of one component, without data: decoders put zeros there."""
    return b"\xff\xda\x00\x08\x01%c\x00\x00\x3f\x00\x00" % component


def test_a_sequential_jpeg_has_one_scan_only_if_its_first_one_holds_all_components(
    renderer: Renderer, tmp_path: Path
) -> None:
    data = encoded(quarters(), "JPEG", subsampling=0)
    start = data.index(b"\xff\xda")
    head, whole = data[:start], data[start:-2]
    path = tmp_path / "scans.jpg"
    for scans, count in (
        (whole + scan_of_one() * 150, 1),
        (scan_of_one() * 150, 101),
        (scan_of_one() + whole + scan_of_one() * 150, 101),  # decoders read all of them
    ):
        path.write_bytes(head + scans + data[-2:])
        with path.open("rb") as file:
            assert count_scans(file, 100) == count
    refusal = refused(renderer, path.read_bytes())
    assert (refusal.code, refusal.limit) == ("too_many_scans", 100)


def test_a_polyglot_is_drawn_as_the_picture_it_begins_as_and_nothing_else(renderer: Renderer) -> None:
    script = b"<script>alert('here')</script>"
    file = renderer.render(encoded(quarters(), "GIF") + script, {"name": "one", "width": 20, "format": "png"})[0]
    assert script not in Path(file["path"]).read_bytes()


def test_a_variant_that_cannot_be_written_leaves_none_of_the_others(renderer: Renderer) -> None:
    (renderer.drawn / "b.jpg").mkdir()
    with pytest.raises(IsADirectoryError):
        renderer.render(encoded(quarters(), "JPEG"), {"name": "a", "width": 40}, {"name": "b", "width": 20})
    assert [path.name for path in renderer.drawn.iterdir()] == ["b.jpg"]


def test_a_report_that_raises_leaves_no_file(renderer: Renderer) -> None:
    def stop(done: int, total: int, note: str = "") -> None:
        raise InterruptedError("stopped")

    renderer.source.write_bytes(encoded(quarters(), "JPEG"))
    variants = [variant.model_dump() for variant in variants_of("default")]
    with pytest.raises(InterruptedError):
        render(str(renderer.source), str(renderer.drawn), variants, LIMITS, renderer.engine, report=stop)
    assert not list(renderer.drawn.iterdir())


def test_a_missing_file_is_our_fault_not_the_pictures(renderer: Renderer) -> None:
    with pytest.raises(FileNotFoundError):
        render(str(renderer.source), str(renderer.drawn), [], LIMITS, renderer.engine, report=silent)


def test_pillows_own_limit_is_left_as_it_was(renderer: Renderer) -> None:
    before = Image.MAX_IMAGE_PIXELS
    refused(renderer, png_header(60_000, 60_000))
    renderer.probe(encoded(quarters(), "JPEG"))
    assert before == Image.MAX_IMAGE_PIXELS


STARVED = """
import os, resource, sys
from pathlib import Path
from tasks.refusal import Refusal
from tests.support.thumbnail.drawing import LIMITS, silent
from tasks.thumbnail.imaging import render
from tasks.thumbnail.variants import variants_of
engine, folder = sys.argv[1], Path(sys.argv[2])
variant = variants_of([{"name": "v", "width": 64, "height": 64}])[0].model_dump()
for source in sorted(folder.glob("*.bin")):
    drawn = source.with_suffix("")
    drawn.mkdir()
    if child := os.fork():
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        source.with_suffix(".status").write_text(str(status))
        continue
    for number, kind in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(source.with_suffix("." + kind), os.O_WRONLY | os.O_CREAT), number)
    in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + 24_000_000,) * 2)
    try:
        render(str(source), str(drawn), [variant], LIMITS, engine, report=silent)
    except Refusal as refusal:
        print(refusal.code)
    sys.exit()
"""
"""Draws each of the pictures in a folder in a process of its own, which has little memory. Beside each it leaves what
that printed and how it ended."""

LARGE_FORMATS = ("PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP")


@functools.cache
def large(name: str) -> bytes:
    options: dict[str, Any] = {"AVIF": {"speed": 10}, "WEBP": {"method": 0}, "PNG": {"compress_level": 1}}.get(name, {})
    return encoded(Image.new("P" if name == "GIF" else "RGB", (4000, 3000)), name, **options)


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux")
@pytest.mark.parametrize("engine", ["vips", "pillow"])
def test_want_of_memory_is_told_apart_from_damage(engine: str, tmp_path: Path) -> None:
    for name in LARGE_FORMATS:
        (tmp_path / f"{name}.bin").write_bytes(large(name))
    command = [sys.executable, "-c", STARVED, engine, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for name in LARGE_FORMATS:
        stdout, stderr, status = ((tmp_path / f"{name}.{kind}").read_text() for kind in ("stdout", "stderr", "status"))
        if engine == "vips" and int(status) == -signal.SIGABRT:  # the job fails as `crashed`
            assert "failed to allocate" in stderr, name  # by glib, of which libvips gets its small blocks
            continue
        assert (stdout.strip(), status) == ("out_of_memory", "0"), (name, stderr)
        assert not list((tmp_path / name).iterdir()), name
