"""Calls `opened` and `render` as the sandbox does, without the sandbox."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from tasks.thumbnail.imaging import opened, render
from tasks.thumbnail.variants import variants_of

LIMITS = {
    "max_pixels": 100_000_000,
    "max_side_px": 30_000,
    "max_frames": 1_000,
    "max_animation_pixels": 500_000_000,
    "max_animation_output_pixels": 50_000_000,
    "max_jpeg_scans": 100,
    "max_scan_pixels": 2_000_000_000,
    "max_output_pixels": 100_000_000,
    "max_memory_mb": 1280,
    "max_watermark_pixels": 1_000_000,
}


def silent(done: int, total: int, note: str = "") -> None:
    """A report that nobody reads."""


class Renderer:
    """A folder with one source file, and the files drawn from it."""

    def __init__(self, folder: Path, engine: str = "auto") -> None:
        self.engine = engine
        self.source = folder / "upload.bin"
        self.drawn = folder / "drawn"
        self.drawn.mkdir()

    def probe(self, data: bytes, *variants: dict[str, Any], **limits: int) -> dict[str, Any]:
        self.source.write_bytes(data)
        with opened(str(self.source), self._dumped(variants), LIMITS | limits) as found:
            return {**found.about, "memory_mb": found.memory_mb}

    def answer(self, data: bytes, *variants: dict[str, Any], cores: int = 1, **limits: int) -> dict[str, Any]:
        """All that `render` returns."""
        self.source.write_bytes(data)
        place = (str(self.source), str(self.drawn))
        return render(*place, self._dumped(variants), LIMITS | limits, self.engine, report=silent, cores=cores)

    def render(self, data: bytes, *variants: dict[str, Any], **limits: int) -> list[dict[str, Any]]:
        files: list[dict[str, Any]] = self.answer(data, *variants, **limits)["files"]
        return files

    def summary(self, data: bytes, *variants: dict[str, Any], exif: Sequence[str] = ()) -> dict[str, Any]:
        """What `render` returns of the picture itself."""
        self.source.write_bytes(data)
        place = (str(self.source), str(self.drawn))
        drawn = render(*place, self._dumped(variants), LIMITS, self.engine, exif=exif, report=silent)
        picture: dict[str, Any] = drawn["picture"]
        return picture

    def picture(self, data: bytes, **variant: Any) -> Image.Image:
        """The picture of one variant, read back."""
        file = self.render(data, {"name": "one", **(variant or {"width": 8192})})[0]
        with Image.open(file["path"]) as picture:
            picture.load()
            return picture

    def upload(self, data: bytes) -> str:
        """Keep a picture to be used as a watermark. Returns its id."""
        upload = hashlib.md5(data, usedforsecurity=False).hexdigest()
        self._upload_path(upload).write_bytes(data)
        return upload

    def _upload_path(self, upload: str) -> Path:
        return self.source.with_name(f"watermark-{upload}")

    def _dumped(self, variants: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
        dumped = [variant.model_dump() for variant in variants_of(list(variants) or "default")]
        for variant in dumped:
            if watermark := variant["watermark"]:
                watermark["path"] = str(self._upload_path(watermark["upload"]))
        return dumped


def close(one: Any, other: Any, tolerance: int = 12) -> bool:
    """Whether two pixels look alike."""
    return all(abs(left - right) <= tolerance for left, right in zip(one, other, strict=True))


def corners(picture: Image.Image) -> list[Any]:
    """Pixels from the middle of the four quarters: top left, top right, bottom left, bottom right."""
    xs, ys = (picture.width // 4, picture.width * 3 // 4), (picture.height // 4, picture.height * 3 // 4)
    return [picture.convert("RGB").getpixel((x, y)) for y in ys for x in xs]
