"""Bytes of deleted jobs and uploads are deleted while other clients submit the same bytes: what is needed is there."""

import asyncio
import hashlib
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tests.support.api.serving import client_of
from tests.support.api.web_process import web_process
from tests.support.eventually import eventually
from tests.support.pictures import encoded, scene
from tests.support.processes import ROOT, worker_process
from tools.servers import Valkey, start_process

PNG = encoded(scene(64, 48), "png")
DELETER = """
import asyncio, os, sys, time
from tasks.maintenance.deleted_bytes import delete_unneeded
from tasks.queue.connect import connect
from tasks.settings import Settings
from tasks.storage.open import open_storage

async def delete():
    settings = Settings()
    redis, storage = connect(settings.redis_url.get_secret_value()), open_storage(settings)
    while True:
        if count := await delete_unneeded(redis, storage, grace_s=0, until=time.monotonic() + 5):
            print(count, flush=True)

asyncio.run(delete())
"""
"""It looks all the time, and spares nothing that is young."""


def stored(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("blobs/*/*") if "#" not in path.name}


async def accepted(client: httpx.AsyncClient, path: str, told: Counter[str], **request: Any) -> dict[str, Any]:
    """What was accepted in the end: a client sends again what was deleted while it came."""
    while True:
        answer = await client.post(path, **request)
        if answer.status_code != 503:
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
            return found
        assert answer.json()["code"] == "unavailable", answer.text
        told["sent again"] += 1


async def upload(client: httpx.AsyncClient, folder: Path, rounds: int, told: Counter[str]) -> None:
    kept: list[dict[str, Any]] = []
    for number in range(rounds):
        kept.append(await accepted(client, "/v1/uploads", told, content=b"the same bytes %d" % (number % 2)))
        for one in kept:
            assert one["sha256"] in stored(folder)
        if number % 3:
            await client.delete(f"/v1/uploads/{kept.pop(0)['id']}")
    for one in kept:
        await client.delete(f"/v1/uploads/{one['id']}")


async def draw(client: httpx.AsyncClient, rounds: int, told: Counter[str]) -> None:
    for _ in range(rounds):
        job = await accepted(client, "/v1/images", told, content=PNG, headers={"Content-Type": "image/png"})
        path = f"/v1/jobs/{job['id']}"
        while job["state"] not in ("succeeded", "failed"):
            job = (await client.get(path, params={"wait": 20})).raise_for_status().json()
        assert job["state"] == "succeeded", job
        for file in job["files"]:
            content = (await client.get(file["url"])).raise_for_status().content
            assert hashlib.sha256(content).hexdigest() == file["sha256"]
        (await client.delete(path)).raise_for_status()


@pytest.mark.parametrize("rounds", [12, pytest.param(300, marks=[pytest.mark.long, pytest.mark.seconds(1800)])])
async def test_no_byte_is_missing_and_none_is_left(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, tmp_path: Path, rounds: int
) -> None:
    folder, told = tmp_path / "storage", Counter[str]()
    environment = {"STORAGE_URL": folder.as_uri(), "REDIS_URL": mortal_valkey.url}
    with web_process(mortal_valkey.url, folder.as_uri()) as web, (tmp_path / "deleted").open("wb") as log:
        async with (
            worker_process(mortal_redis, mortal_valkey.url, environment=environment, default=2, media=2),
            client_of(web.port) as client,
        ):
            command = [sys.executable, "-c", DELETER]
            deleter = start_process(command, cwd=ROOT, env={**os.environ, **environment}, stdout=log)
            try:
                drawing = (draw(client, rounds, told) for _ in range(2))
                await asyncio.gather(*(upload(client, folder, 5 * rounds, told) for _ in range(3)), *drawing)
                await eventually(lambda: not stored(folder))
                assert deleter.poll() is None
            finally:
                deleter.kill()
                deleter.wait()
    counts = [int(line) for line in (tmp_path / "deleted").read_text().splitlines()]
    assert sum(counts) > rounds, "the deleter was there all the time"
