"""What an owner has: one thing for each path parameter of the API, for tests that walk over all routes."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx
from arq.connections import ArqRedis

from tasks.destinations.path import DEFAULT
from tasks.destinations.record import DestinationRecord, put_destination
from tasks.kind import OutputFile, Result
from tasks.public_files.signing import FileSigner, SignedFile
from tasks.storage.protocol import Storage
from tasks.webhook.events import delivery_id
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.subscribers import keep_exchange, subscribe
from tests.support.api.tus import create
from tests.support.blobs import put
from tests.support.queue.fan_out import expand, to

FILE: Final = "small.jpg"
EVENT_JOB: Final = {"kind": "event", "type": "a.b", "data": {}}
STEP: Final = {"kind": "event", "params": {"type": "a.b", "data": {}}}
ORIGIN: Final = "https://app.example.com"
"""Of the pages that may call."""
NOT_OWNED: Final = {"queue": "media", "owner": "acme", "name": FILE, "signed": "x", "number": "1"}
"""Parameters that name no thing of an owner, and a value for each."""

Make = Callable[[httpx.AsyncClient], Awaitable[dict[str, str]]]


class Owned:
    """Makes the things of an owner.

    Args:
        redis: Connection.
        worker: Ends a job of each owner.
        storage: Where its file is.
    """

    def __init__(self, redis: ArqRedis, worker: ManualWorker, storage: Storage) -> None:
        self._redis = redis
        self._worker = worker
        self._storage = storage

    async def signed_url(self, job_id: str) -> str:
        """End a job with a file, and sign a URL of it: its path."""
        blob = await put(self._storage, b"small")
        await self._worker.end(job_id, result=Result({}, (OutputFile(FILE, blob.sha256, "image/jpeg", 5, {}),)))
        return FileSigner(["k" * 32]).path(SignedFile(job_id, blob.sha256, FILE, "image/jpeg"))

    async def make(self, client: httpx.AsyncClient, owner: str) -> dict[str, str]:
        """Path parameter → id of a new thing of this owner."""
        job = await _made(client, "/v1/images", content=PNG)
        file = OutputFile(FILE, (await put(self._storage, b"small")).sha256, "image/jpeg", 5, {})
        await self._worker.end(job, result=Result({}, (file,)))
        endpoint = (await subscribe(client))["id"]
        event = await _made(client, "/v1/events", json={"type": "a.b", "data": {}})
        await expand(self._redis, event, to(event, endpoint, owner), owner=owner)
        await keep_exchange(self._redis, self._storage, delivery_id(event, endpoint))
        await client.put("/v1/presets/cards", json={"variants": [{"name": "card", "width": 64}]})
        bucket = DestinationRecord("archive", "acme", "", None, "us-east-1", DEFAULT, False, "AKIA1", "plain:s")
        await put_destination(self._redis, owner, bucket, most=9)
        return {
            "job_id": job,
            "batch_id": await _made(client, "/v1/batches"),
            "workflow_id": await _made(client, "/v1/workflows", json={"steps": [{"name": "a", **STEP}]}),
            "endpoint_id": endpoint,
            "delivery_id": delivery_id(event, endpoint),
            "schedule_id": await _made(client, "/v1/schedules", json={"cron": "@daily", "job": EVENT_JOB}),
            "upload_id": await _made(client, "/v1/uploads", content=PNG),
            "resumable_id": (await create(client, len(PNG))).rpartition("/")[2],
            "preset_name": "cards",
            "destination_name": "archive",
            "key_id": await _made(client, "/v1/keys", json={"name": "walk", "scopes": ["images"]}),
            "link_id": await _made(client, "/v1/portal-links", json={"channel": "customer-17"}),
            "token_id": await _made(client, "/v1/upload-tokens", json={"origin": ORIGIN}),
        }


async def _made(client: httpx.AsyncClient, path: str, **request: Any) -> str:
    answer = await client.post(path, **request)
    assert answer.is_success, f"{path}: {answer.text}"
    made: str = json.loads(answer.content)["id"]
    return made
