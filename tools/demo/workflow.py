"""What the demo shows of workflows: photos, a sheet of their thumbnails, and a webhook, in one request."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

PATH = "/albums"
DONE = "album.done"
MOST_PHOTOS = 3


def steps(uploads: Sequence[str]) -> list[dict[str, Any]]:
    """The steps of a workflow for these uploads."""
    names = [f"photo-{number}" for number, _ in enumerate(uploads, 1)]
    small = [{"name": "small", "width": 320, "height": 320, "format": "jpeg"}]
    pictures = [
        {"name": name, "kind": "thumbnail", "params": {"upload": upload, "variants": small}}
        for name, upload in zip(names, uploads, strict=True)
    ]
    images = [{"source": {"job": {"$step": name}, "file": "small.jpg"}, "caption": name} for name in names]
    sheet = {"document": {"title": "Album"}, "blocks": [{"type": "contact_sheet", "images": images, "columns": 3}]}
    return [
        *pictures,
        {"name": "sheet", "kind": "report", "needs": names, "params": sheet},
        _event("done", DONE, {"report": {"$step": "sheet"}}, needs=["sheet"]),
        _event("alarm", "album.failed", {"report": {"$step": "sheet"}}, needs=["sheet"], run_if="failure"),
    ]


def _event(name: str, type: str, data: Any, **options: Any) -> dict[str, Any]:
    return {"name": name, "kind": "event", "params": {"type": type, "data": data}, **options}


def uploaded(client: httpx.Client, photos: Sequence[Path]) -> list[str]:
    """The ids of uploads of the first of these photos."""
    return [
        client.post("/v1/uploads", content=photo.read_bytes()).raise_for_status().json()["id"]
        for photo in photos[:MOST_PHOTOS]
    ]
