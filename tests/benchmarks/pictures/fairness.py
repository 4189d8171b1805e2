"""How long one owner's photo takes while another owner has uploaded fifty pictures that take long."""

import io
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
from PIL import Image

from tests.benchmarks.harness.report import Row
from tests.benchmarks.pictures.photos import scene
from tools.demo.demo import pressroom

VERSIONS: Final[dict[str, str]] = {}
HEAVY: Final = 50
ALONE: Final = 15
BESIDE: Final = 25
WARM_UP: Final = 3
PAUSE_S: Final = 0.2
MEDIAN_TIMES, WORST_TIMES = 2.0, 10.0
KEYS: Final = {"few": "a-key-of-who-has-one-photo", "many": "a-key-of-who-has-many-photos"}
SETTINGS: Final = {
    "API_KEYS": ",".join(f"{owner}:{key}" for owner, key in KEYS.items()),
    "LOG_LEVEL": "warning",
    "REUSE_RENDERS_S": "0",
    "WEB_CONCURRENCY": "1",
}


def rows(photos: Path | None) -> list[Row]:
    """Measure the photo alone, then beside the heavy ones.

    Args:
        photos: Not used: what is heavy has to be made.
    """
    del photos
    photo, heavy = _saved(scene(2048, 878, 1), "JPEG", quality=92), _heavy()
    with TemporaryDirectory() as folder, pressroom(Path(folder), **SETTINGS) as address:
        few, many = (
            httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=120)
            for key in KEYS.values()
        )
        for _ in range(WARM_UP):
            _seconds(few, photo)
        alone = [_seconds(few, photo) for _ in range(ALONE)]
        for number in range(HEAVY):
            many.post("/v1/images", content=heavy[number % len(heavy)], headers=_RAW).raise_for_status()
        beside = []
        for _ in range(BESIDE):
            beside.append(_seconds(few, photo))
            time.sleep(PAUSE_S)
        left = many.get("/v1/jobs", params={"state": "queued", "limit": 1}).raise_for_status().json()["jobs"]
        if not left:
            raise RuntimeError("the heavy pictures were drawn too soon: this shows nothing; raise HEAVY")
    usual = statistics.median(alone)
    sys.stderr.write(f"alone {_ms(alone)}, beside {HEAVY} heavy ones {_ms(beside)}\n")
    return [
        Row("a photo beside 50 heavy ones of another owner: median, times alone", statistics.median(beside) / usual,
            at_most=MEDIAN_TIMES),
        Row("a photo beside 50 heavy ones of another owner: worst, times alone", max(beside) / usual,
            at_most=WORST_TIMES),
        Row("a photo alone, median, ms", 1000 * usual),
    ]  # fmt: skip


_RAW: Final = {"Content-Type": "application/octet-stream"}


def _seconds(client: httpx.Client, photo: bytes) -> float:
    began = time.perf_counter()
    job = client.post("/v1/images", content=photo, headers=_RAW).raise_for_status().json()["id"]
    while (state := client.get(f"/v1/jobs/{job}", params={"wait": 25}).json()["state"]) != "succeeded":
        if state in ("failed", "cancelled"):
            raise RuntimeError(f"the photo has {state}")
    return time.perf_counter() - began


def _heavy() -> list[bytes]:
    """Legal pictures of a hundred megapixels; each takes a second of CPU and more."""
    size = (10_000, 10_000)
    kinds: list[Callable[[], bytes]] = [
        lambda: _saved(Image.new("RGB", size, "navy"), "JPEG", quality=50, progressive=True),
        lambda: _saved(Image.new("RGB", size, "navy"), "PNG", compress_level=1),
        lambda: _saved(Image.new("RGB", (16_000, 6_200), "navy"), "WEBP", quality=1, method=0),
        lambda: _saved(Image.new("RGB", size, "navy"), "TIFF", compression="tiff_deflate"),
    ]
    return [make() for make in kinds]


def _saved(picture: Image.Image, name: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, name, **options)
    return file.getvalue()


def _ms(seconds: list[float]) -> str:
    return f"{1000 * statistics.median(seconds):.0f} ms (worst {1000 * max(seconds):.0f})"
