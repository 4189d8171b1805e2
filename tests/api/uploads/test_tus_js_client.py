"""Resumable uploads with tus-js-client, whose connection is cut in the middle."""

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.catalogue import KINDS
from tasks.settings import MiB, Settings
from tasks.storage.protocol import Storage
from tests.support.api.serving import ALICE
from tests.support.engine_running import working
from tests.support.machine.npm import install, path_of
from tools.documents import ROOT

PACKAGES = ROOT / "tests" / "support" / "tus_js"
SIZE = 3 * MiB + 123


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path_of("node", "it runs tus-js-client")
    folder = tmp_path_factory.mktemp("tus_js")
    install(PACKAGES, folder, "it fetches tus-js-client")
    (folder / "upload.mjs").write_bytes((PACKAGES / "upload.mjs").read_bytes())
    return folder


@pytest.fixture
async def engine(redis: ArqRedis, settings: Settings, storage: Storage) -> AsyncIterator[None]:
    async with working(redis, settings, kinds=KINDS, storage=storage):
        yield


@pytest.mark.parametrize("chunk", [0, MiB])
async def test_it_goes_on_after_a_cut(
    chunk: int, packages: Path, port: int, alice: httpx.AsyncClient, engine: None, tmp_path: Path
) -> None:
    content = os.urandom(SIZE)
    file = tmp_path / "file"
    file.write_bytes(content)
    variables = {"PORT": port, "KEY": ALICE, "FILE": file, "CHUNK": chunk, "CUT_AFTER": (chunk or 2 * MiB) - 100_000}
    process = await asyncio.create_subprocess_exec(
        *("node", "upload.mjs"),
        cwd=packages,
        env={**os.environ, **{name: str(value) for name, value in variables.items()}},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    done = json.loads(printed)
    assert done["cuts"] == 1
    assert done["offsets"], "it asked where to go on"
    upload = (await alice.get(f"/v1/uploads/{done['url'].rpartition('/')[2]}")).json()
    assert (upload["bytes"], upload["name"]) == (SIZE, "größe.bin")
    assert upload["sha256"] == hashlib.sha256(content).hexdigest()
