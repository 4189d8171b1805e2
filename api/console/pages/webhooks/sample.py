"""What an endpoint gets: a request with an event that it subscribes to."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

EVENT: Final = "1f6a0d9b8c7e4f5aa3b2c1d0e9f8a7b6"
JOB: Final[Mapping[str, Any]] = {
    "id": "422a8627de1b47b0ae34fe85f7b8ae7d",
    "kind": "thumbnail",
    "state": "succeeded",
    "name": "photo.jpg",
}


def sample_type(patterns: list[str]) -> str:
    """A type of event that fits the first of an endpoint's patterns."""
    pattern = patterns[0]
    if pattern == "*":
        return "order.paid"
    if pattern.endswith(".*"):
        return "job.succeeded" if pattern == "job.*" else f"{pattern[:-2]}.changed"
    return pattern


def sample_request(endpoint: Mapping[str, Any]) -> str:
    """The request as text: its line, headers and body."""
    url = urlsplit(endpoint["url"])
    kind = sample_type(endpoint["events"])
    body: dict[str, Any] = {"type": kind, "timestamp": "2026-11-28T09:30:00.517Z"}
    if endpoint.get("channel"):
        body["channel"] = endpoint["channel"]
    body["data"] = dict(JOB) if kind.startswith("job.") else {"order": 4711}
    signature = "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="
    if endpoint.get("ed25519"):
        signature += " v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
    headers = {
        "host": url.netloc,
        "content-type": "application/json",
        "webhook-id": EVENT,
        "webhook-timestamp": "1795858200",
        "webhook-signature": signature,
        **endpoint["headers"],
    }
    lines = [f"POST {url.path or '/'}{'?' + url.query if url.query else ''} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\n".join((*lines, "", json.dumps(body, ensure_ascii=False, separators=(",", ":"))))
