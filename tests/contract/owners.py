"""What each owner has before the requests of `bin/fuzz` begin: objects of every sort."""

import json
import os
import time
from functools import cache
from pathlib import Path
from typing import Any, Final

import httpx

from tests.support.pictures import encoded, quarters

OBJECTS = "FUZZ_OBJECTS"
"""The environment variable that names the file with everyone's objects."""
OWNERS: Final = ("alice", "bob")
BOBS: Final = "of-bob-alone"
"""A word in the names and texts of all that is bob's, which no request of alice's has."""
END_S = 30.0
SMALL = '[{"name": "small", "width": 16, "format": "jpeg"}]'

Objects = dict[str, list[str]]
"""Ids and names by the parameter that takes them."""


def make_objects(client: httpx.Client, receiver: str, name: str) -> Objects:
    """Make an owner's objects.

    Args:
        client: A client with the owner's key.
        receiver: The URL of a receiver of webhooks.
        name: The name of them all.
    """

    def post(path: str, status: int = 202, **request: Any) -> str:
        response = client.post(path, **request)
        assert response.status_code == status, (path, response.text)
        made: str = response.json()["id"]
        return made

    picture = encoded(quarters(), "PNG")
    done = post("/v1/images", params={"variants": SMALL, "name": name}, content=picture)
    spec = {"document": {"title": name}, "blocks": [{"type": "text", "text": name}]}
    report = post("/v1/reports", json=spec)
    failed = post("/v1/images", params={"name": name}, content=picture[:60])
    waiting = post("/v1/images", params={"delay": 3600, "name": name}, content=picture)
    endpoint = post("/v1/endpoints", 201, json={"url": receiver, "events": ["order.*"], "description": name})
    event = post("/v1/events", json={"type": "order.paid", "data": {"name": name}})
    cron = {"name": name, "cron": "0 6 1 1 *", "job": {"kind": "event", "type": "shop.closing", "data": {"name": name}}}
    steps = [{"name": "a", "kind": "event", "params": {"type": "order.packed", "data": {"name": name}}}]
    for job in (done, report, failed, event):
        ended(client, job)
    client.put("/v1/presets/cards", json={"variants": json.loads(SMALL)}).raise_for_status()
    deliveries = client.get("/v1/deliveries", params={"event": event}).json()["deliveries"]
    return {
        "job_id": [done, report, failed, waiting, event],
        "name": ["small.jpg"],
        "upload_id": [post("/v1/uploads", 201, params={"name": name}, content=picture)],
        "batch_id": [post("/v1/batches", json={"name": name})],
        "workflow_id": [post("/v1/workflows", json={"name": name, "steps": steps})],
        "endpoint_id": [endpoint],
        "delivery_id": [one["id"] for one in deliveries],
        "preset_name": ["cards"],
        "schedule_id": [post("/v1/schedules", 201, json=cron)],
        "event": [event],
    }


def ended(client: httpx.Client, job: str) -> dict[str, Any]:
    """The job, once it has ended."""
    deadline = time.monotonic() + END_S
    while time.monotonic() < deadline:
        found: dict[str, Any] = client.get(f"/v1/jobs/{job}", params={"wait": 5}).raise_for_status().json()
        if found["state"] in {"succeeded", "failed", "cancelled"}:
            return found
    raise TimeoutError(f"job {job} has not ended within {END_S:g} s")


@cache
def everyones_objects() -> dict[str, Objects]:
    """The objects of all owners, in the process that makes the requests."""
    found: dict[str, Objects] = json.loads(Path(os.environ[OBJECTS]).read_text())
    return found
