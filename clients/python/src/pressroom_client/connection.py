"""What both clients give httpx."""

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from pressroom_client.calls import Call

VERSION = "0.1.0"


def http_options(url: str, key: str | None) -> dict[str, Any]:
    """Options of an httpx client. Redirects are followed by `request_options`."""
    headers = {"User-Agent": f"pressroom-client-python/{VERSION}", "Accept": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return {"base_url": url, "headers": headers}


def request_options(call: Call, timeout_s: float) -> dict[str, Any]:
    """Options of a request.

    A download may be redirected to the storage, which httpx sends no key. Nothing else is redirected.
    """
    headers = dict(call.headers)
    if call.content:
        headers["Content-Length"] = str(call.content.size)
    if "/files/" in call.path:
        headers["Accept"] = "*/*"
    return {
        "method": call.method,
        "url": call.path,
        "params": dict(call.query),
        "headers": headers,
        "timeout": httpx.Timeout(timeout_s, read=timeout_s + call.wait_s),
        "follow_redirects": call.method == "GET",
    }


@contextlib.contextmanager
def temporary(path: Path) -> Iterator[BinaryIO]:
    """A file beside `path`, which becomes `path` at the end of the block, or is deleted if the block fails."""
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with unfinished.open("xb") as file:
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
