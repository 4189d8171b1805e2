"""The largest pictures that are allowed, on a machine with little memory: refused unless they fit, drawn if they do."""

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tasks.refusal import Refusal
from tasks.thumbnail.variants import variants_of
from tests.support.pictures import encoded
from tests.support.thumbnail.drawing import LIMITS
from worker.sandbox.sandbox import ProcessSandbox

DYNO_MB = 300
"""SANDBOX_BUDGET_MB of a machine with 512 MB."""
OVERHEAD_MB = 48
"""Address space that is reserved but not used: stacks of threads, arenas of the allocator."""
PICTURES: dict[str, tuple[str, str, tuple[int, int], dict[str, Any]]] = {
    "webp of 48 megapixels": ("WEBP", "RGB", (8000, 6000), {"method": 0}),
    "webp of 100 megapixels": ("WEBP", "RGB", (10_000, 10_000), {"method": 0}),
    "png of 100 megapixels": ("PNG", "RGB", (10_000, 10_000), {"compress_level": 1}),
    "transparent png of 100 megapixels": ("PNG", "RGBA", (10_000, 10_000), {"compress_level": 1}),
    "tiff of 100 megapixels": ("TIFF", "RGB", (10_000, 10_000), {"compression": "tiff_lzw"}),
    "gif of 100 megapixels": ("GIF", "P", (10_000, 10_000), {}),
    "avif of 48 megapixels": ("AVIF", "RGB", (8000, 6000), {"speed": 10}),
    "progressive jpeg of 100 megapixels": ("JPEG", "RGB", (10_000, 10_000), {"progressive": True}),
}


@pytest.mark.long
@pytest.mark.seconds(600)
@pytest.mark.parametrize("kind", PICTURES)
async def test_what_does_not_fit_is_refused_and_what_is_said_to_fit_does(tmp_path: Path, kind: str) -> None:
    name, mode, size, options = PICTURES[kind]
    source = tmp_path / "source"
    variants = [variant.model_dump() for variant in variants_of("default")]
    limits = {**LIMITS, "max_memory_mb": DYNO_MB}
    sandbox = ProcessSandbox(
        preload=("tasks.thumbnail.imaging",),
        children=1,
        memory_mb=DYNO_MB + OVERHEAD_MB,
        budget_mb=DYNO_MB,
        recycle_after=1,
        folders=[tmp_path],
    )

    async def render(width: int, height: int) -> list[dict[str, Any]]:
        source.write_bytes(encoded(Image.new(mode, (width, height)), name, **options))
        place = (str(source), str(tmp_path), variants, limits)
        drawn = await sandbox.call("tasks.thumbnail.imaging:render", *place, seconds=120, memory_mb=64)
        files: list[dict[str, Any]] = drawn["files"]
        return files

    try:
        with pytest.raises(Refusal) as caught:
            await render(*size)
        assert caught.value.code == "too_much_memory"
        found = re.search(r"(\d+) × (\d+) pixels fit", caught.value.message)
        assert found, caught.value.message
        assert len(await render(*map(int, found.groups()))) == len(variants)
    finally:
        await sandbox.stop()
