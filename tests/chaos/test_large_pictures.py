"""The largest pictures that are allowed, on a machine with little memory: refused unless they fit, drawn if they do."""

import re
from collections.abc import AsyncIterator
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
OVERHEAD_MB = 384
"""Address space that is reserved but not used: stacks of the threads of libvips, arenas of the allocator, and of a WebP
the second canvas that Pillow reserves when it opens the file (4 bytes a pixel, 184 MB here)."""
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
FITTING = ("webp of 48 megapixels", "png of 100 megapixels", "transparent png of 100 megapixels")
"""libvips holds a few rows of a PNG at a time, and decodes a WebP at the scale that is wanted."""


pytestmark = [pytest.mark.long, pytest.mark.seconds(600)]


class Drawing:
    """Draws pictures in a sandbox of such a machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._source = folder / "source"
        self.variants = [variant.model_dump() for variant in variants_of("default")]
        self._sandbox = ProcessSandbox(
            preload=("tasks.thumbnail.imaging",),
            children=1,
            memory_mb=DYNO_MB + OVERHEAD_MB,
            budget_mb=DYNO_MB,
            recycle_after=1,
            folders=[folder],
        )

    async def files(self, kind: str, size: tuple[int, int] | None = None) -> list[dict[str, Any]]:
        """The files of a picture of that kind, in its own size or in another."""
        name, mode, own_size, options = PICTURES[kind]
        self._source.write_bytes(encoded(Image.new(mode, size or own_size), name, **options))
        place = (str(self._source), str(self._folder), self.variants, {**LIMITS, "max_memory_mb": DYNO_MB})
        drawn = await self._sandbox.call("tasks.thumbnail.imaging:render", *place, seconds=120, memory_mb=64)
        files: list[dict[str, Any]] = drawn["files"]
        return files

    async def stop(self) -> None:
        await self._sandbox.stop()


@pytest.fixture
async def drawing(tmp_path: Path) -> AsyncIterator[Drawing]:
    made = Drawing(tmp_path)
    yield made
    await made.stop()


@pytest.mark.parametrize("kind", FITTING)
async def test_what_libvips_draws_row_by_row_fits(drawing: Drawing, kind: str) -> None:
    assert len(await drawing.files(kind)) == len(drawing.variants)


@pytest.mark.parametrize("kind", [kind for kind in PICTURES if kind not in FITTING])
async def test_what_does_not_fit_is_refused_with_a_size_that_does(drawing: Drawing, kind: str) -> None:
    with pytest.raises(Refusal) as caught:
        await drawing.files(kind)
    assert caught.value.code == "too_much_memory"
    found = re.search(r"(\d+) × (\d+) pixels fit", caught.value.message)
    assert found, caught.value.message
    width, height = map(int, found.groups())
    assert len(await drawing.files(kind, (width, height))) == len(drawing.variants)
