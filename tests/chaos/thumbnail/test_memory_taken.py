"""What drawing pictures takes, against what was expected by their headers."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.thumbnail.drawing import Renderer
from tests.support.thumbnail.peaks import KINDS, LINEAR, estimated_and_taken, sample

BY_LIBVIPS = ("jpeg", "progressive jpeg", "png", "transparent png", "palette png", "webp")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not Path("/proc/self/clear_refs").exists(), reason="only Linux reports the peak of a process's memory"
    ),
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_estimate_for_pillow_is_enough_and_not_far_off(tmp_path: Path, kind: str) -> None:
    estimate, taken = estimated_and_taken(Renderer(tmp_path, "pillow"), sample(kind))
    assert taken <= estimate + 4
    assert estimate <= 2.5 * taken + 24


@pytest.mark.parametrize("kind", BY_LIBVIPS)
def test_the_estimate_for_libvips_is_enough(tmp_path: Path, kind: str) -> None:
    estimate, taken = estimated_and_taken(Renderer(tmp_path, "vips"), sample(kind))
    assert taken <= estimate + 4


@pytest.mark.parametrize("engine", ["vips", "pillow"])
@pytest.mark.parametrize("kind", ["jpeg", "png", "transparent png", "webp"])
def test_the_estimate_is_enough_for_linear_light(tmp_path: Path, kind: str, engine: str) -> None:
    estimate, taken = estimated_and_taken(Renderer(tmp_path, engine), sample(kind), LINEAR)
    assert taken <= estimate + 4


@pytest.mark.parametrize("engine", ["vips", "pillow"])
@pytest.mark.parametrize("kind", ["jpeg", "transparent png", "avif"])
@pytest.mark.parametrize(
    "variant",
    [
        *({"format": name} for name in ("jpeg", "png", "webp", "avif", "gif")),
        {"format": "jpeg", "rotate": 90, "progressive": True, "subsampling": "4:4:4", "quality": 100},
        *({"format": name, "blur": 3, "sharpen": 1} for name in ("jpeg", "webp", "avif")),
        {"format": "webp", "max_bytes": 200_000},
        {"resize": "linear"},
    ],
    ids=str,
)
def test_the_estimate_is_enough_for_a_picture_that_keeps_its_size(
    tmp_path: Path, kind: str, engine: str, variant: dict[str, Any]
) -> None:
    data = sample(kind, (2000, 1500))
    estimate, taken = estimated_and_taken(Renderer(tmp_path, engine), data, [{"name": "same", **variant}])
    assert taken <= estimate + 4


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_the_estimate_is_enough_for_what_there_is_of_a_file(tmp_path: Path, kind: str) -> None:
    data = sample(kind)
    renderer = Renderer(tmp_path, "pillow")  # which libvips leaves it to
    estimate, taken = estimated_and_taken(renderer, data[: len(data) * 2 // 3], truncated=True)
    assert taken <= estimate + 4


def test_the_estimate_is_enough_for_a_frame_that_is_smaller_than_its_canvas(tmp_path: Path) -> None:
    frame = bytearray(sample("gif"))
    frame[6:8] = (4001).to_bytes(2, "little")  # the canvas is a column wider
    estimate, taken = estimated_and_taken(Renderer(tmp_path, "pillow"), bytes(frame))
    assert taken <= estimate + 4
