"""One contract for every backend: a folder, memory, and two S3 servers whose gaps complement each other."""

import asyncio
import hashlib
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.blob_ref import BlobRef
from tasks.refusal import Refusal
from tasks.settings import MiB, Settings
from tasks.storage import blob_store
from tasks.storage.blob_store import CHUNK_BYTES
from tasks.storage.calls import THREADS
from tasks.storage.content_disposition import attachment
from tasks.storage.open import open_storage
from tasks.storage.protocol import BlobMissing, LocalFile, Storage
from tasks.storage.upload_memory import PART_BYTES, SMALL_BYTES
from tests.support.servers import MotoServer, RcloneServer, S3Server
from tools.servers import start_process

NO_BLOB = hashlib.sha256(b"never stored").hexdigest()
DIGITS = b"0123456789"
RANGES = [(0, 1), (3, 5), (9, 10), (3, None), (0, 10), (8, 30), (0, 0), (4, 4), (5, 2), (10, None), (10, 12), (30, 40)]
LARGE = SMALL_BYTES * 12  # several parts of a multipart upload


@dataclass
class Place:
    """A backend with a prefix of its own, and what is in it as seen past our code."""

    kind: str
    open: Callable[[], Storage]
    contents: Callable[[], list[str]]


@pytest.fixture(params=["folder", "memory", "moto", "rclone"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    prefix = uuid.uuid4().hex
    if request.param == "folder":
        root = tmp_path / "made on first use"
        return Place("folder", lambda: open_at(f"file://{root}"), lambda: files_under(root))
    if request.param == "memory":
        return Place("memory", lambda: open_at("memory://"), list)
    server: S3Server = request.getfixturevalue(request.param)
    lend_credentials(monkeypatch)

    def contents() -> list[str]:
        if isinstance(server, RcloneServer):
            return files_under(server.folder / server.bucket / prefix)
        listings = [f"list-type=2&prefix={prefix}", f"uploads&prefix={prefix}"]  # unfinished uploads too
        pages = [httpx.get(f"{server.url}/{server.bucket}?{listing}").text for listing in listings]
        return [line for page in pages for line in page.split("<Key>")[1:]]

    return Place(request.param, lambda: open_at(f"s3://{server.bucket}/{prefix}", server.url), contents)


def lend_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in S3Server.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def storage(place: Place) -> Storage:
    return place.open()


@pytest.fixture
def folder(tmp_path: Path) -> Storage:
    return open_at(f"file://{tmp_path}/storage")


def open_at(url: str, endpoint: str | None = None) -> Storage:
    return open_storage(Settings(storage_url=url, storage_endpoint=endpoint))


def files_under(root: Path) -> list[str]:
    return [str(path) for path in root.rglob("*") if path.is_file()]


async def stream(body: bytes, chunk_bytes: int = 64 * 1024) -> AsyncIterator[bytes]:
    for start in range(0, len(body), chunk_bytes):
        yield body[start : start + chunk_bytes]


async def store(storage: Storage, body: bytes) -> BlobRef:
    return await storage.put(stream(body), max_bytes=len(body), type="text/plain", filename="digits.txt")


async def content(storage: Storage, sha256: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in storage.read(sha256, start, end)])


# What goes in comes out


@pytest.mark.parametrize("size", [0, 1, SMALL_BYTES, SMALL_BYTES + 1, LARGE])
async def test_what_is_put_is_read_back_under_its_hash(storage: Storage, size: int, tmp_path: Path) -> None:
    body = os.urandom(size)
    blob = await store(storage, body)
    assert blob == BlobRef(hashlib.sha256(body).hexdigest(), size)
    assert await storage.size(blob.sha256) == size
    assert await content(storage, blob.sha256) == body
    await storage.fetch(blob.sha256, tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == body


@pytest.mark.parametrize("size", [0, 10, LARGE])
async def test_a_file_is_stored_as_its_bytes_are(storage: Storage, size: int, tmp_path: Path) -> None:
    body = os.urandom(size)
    (tmp_path / "source").write_bytes(body)
    blob = await storage.put_file(tmp_path / "source", type="image/png", filename="small.png")
    assert blob == BlobRef(hashlib.sha256(body).hexdigest(), size)
    assert await content(storage, blob.sha256) == body
    assert (tmp_path / "source").read_bytes() == body


async def test_files_are_stored_together_in_their_order(storage: Storage, tmp_path: Path) -> None:
    bodies = [os.urandom(size) for size in (10, LARGE, 0)]
    files = [LocalFile(tmp_path / str(number), "image/png", "small.png") for number in range(len(bodies))]
    for file, body in zip(files, bodies, strict=True):
        file.path.write_bytes(body)
    blobs = await storage.put_files(files)
    assert [await content(storage, blob.sha256) for blob in blobs] == bodies
    assert await storage.put_files([]) == []
    with pytest.raises(FileNotFoundError):
        await storage.put_files([files[0], LocalFile(tmp_path / "nowhere", "image/png", "small.png")])


@pytest.mark.parametrize("size", [CHUNK_BYTES + 1, PART_BYTES + 1])
async def test_a_file_that_changes_while_it_is_stored_is_stored_under_the_hash_of_what_was_stored(
    folder: Storage, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a sandbox child may do that still holds its output open."""
    source = tmp_path / "source"
    source.write_bytes(bytes(size))
    write = blob_store.BlobStore._write  # noqa: SLF001

    def change_and_write(*args: Any) -> BlobRef:
        source.write_bytes(b"x" * (size + 10))
        return write(*args)

    monkeypatch.setattr(blob_store.BlobStore, "_write", change_and_write)
    blob = await folder.put_file(source, type="image/png", filename="small.png")
    stored = await content(folder, blob.sha256)
    assert BlobRef(hashlib.sha256(stored).hexdigest(), len(stored)) == blob


async def test_a_range_is_what_a_slice_is(storage: Storage) -> None:
    blob = await store(storage, DIGITS)
    for start, end in RANGES:
        assert await content(storage, blob.sha256, start, end) == DIGITS[start:end], (start, end)


async def test_a_range_across_chunks_is_exact(storage: Storage) -> None:
    body = os.urandom(2 * MiB)
    blob = await store(storage, body)
    assert await content(storage, blob.sha256, 1000, 2 * MiB - 1000) == body[1000:-1000]


async def test_a_blob_that_is_not_there_is_missing_in_every_way(storage: Storage, tmp_path: Path) -> None:
    for sha256 in (NO_BLOB, "../../etc/passwd", NO_BLOB.upper(), ""):
        for reading in (content(storage, sha256), content(storage, sha256, 2, 2), content(storage, sha256, 5)):
            with pytest.raises(BlobMissing):
                await reading
        with pytest.raises(BlobMissing):
            await storage.fetch(sha256, tmp_path / "fetched")
        with pytest.raises(BlobMissing):
            await storage.size(sha256)
    assert not (tmp_path / "fetched").exists()


async def test_a_blob_that_shows_up_a_moment_later_is_found(
    moto: MotoServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Some servers need a moment to show what was just written."""
    lend_credentials(monkeypatch)
    storage = open_at(f"s3://{moto.bucket}/{uuid.uuid4().hex}", moto.url)
    for read in (
        content,
        lambda storage, sha256: storage.fetch(sha256, tmp_path / "fetched"),
        lambda storage, sha256: storage.size(sha256),
    ):
        body = os.urandom(10)
        reading = asyncio.create_task(read(storage, hashlib.sha256(body).hexdigest()))
        await asyncio.sleep(blob_store.MISSING_AGAIN_S / 3)
        assert not reading.done()
        await store(storage, body)
        await reading


async def test_a_local_path_that_is_wrong_is_not_blamed_on_the_storage(folder: Storage, tmp_path: Path) -> None:
    blob = await store(folder, DIGITS)
    with pytest.raises(FileNotFoundError):
        await folder.put_file(tmp_path / "nowhere", type="image/png", filename="a.png")
    with pytest.raises(FileNotFoundError):
        await folder.fetch(blob.sha256, tmp_path / "no folder" / "file")


# Whole or not at all


@pytest.mark.parametrize("limit", [10, SMALL_BYTES + 1])
async def test_a_body_over_the_limit_is_refused_while_it_streams(place: Place, limit: int) -> None:
    storage = place.open()
    drawn = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal drawn
        while True:
            drawn += 1000
            yield bytes(1000)

    with pytest.raises(Refusal) as refusal:
        await storage.put(endless(), max_bytes=limit)
    assert (refusal.value.code, refusal.value.limit) == ("too_large", limit)
    assert drawn - 1000 <= limit < drawn
    assert place.contents() == []
    assert [blob async for blob in storage.blobs()] == []


@pytest.mark.parametrize("size", [1000, LARGE])
async def test_a_body_that_breaks_off_leaves_nothing(place: Place, size: int) -> None:
    storage = place.open()

    async def broken() -> AsyncIterator[bytes]:
        async for chunk in stream(bytes(size)):
            yield chunk
        raise ConnectionResetError("the client is gone")

    with pytest.raises(ConnectionResetError):
        await storage.put(broken(), max_bytes=2 * size)
    assert place.contents() == []
    assert [blob async for blob in storage.blobs()] == []


@pytest.mark.parametrize("size", [1000, LARGE])
async def test_a_put_that_is_cancelled_leaves_nothing(place: Place, size: int) -> None:
    storage = place.open()
    under_way = asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        async for chunk in stream(bytes(size)):
            yield chunk
        under_way.set()
        await asyncio.Event().wait()

    putting = asyncio.create_task(storage.put(stalled(), max_bytes=size))
    await under_way.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert place.contents() == []
    assert [blob async for blob in storage.blobs()] == []


def test_a_killed_process_leaves_nothing_of_a_body_under_way(tmp_path: Path) -> None:
    spools = tmp_path / "spools"
    spools.mkdir()
    program = """
import asyncio, sys
from tasks.settings import Settings
from tasks.storage.open import open_storage
async def stalled():
    for _ in range(5):
        yield bytes(1024 * 1024)
    print("half", flush=True)
    await asyncio.sleep(60)
asyncio.run(open_storage(Settings(storage_url=sys.argv[1])).put(stalled(), max_bytes=10**9))
"""
    command = [sys.executable, "-c", program, f"file://{tmp_path}/storage"]
    environment = {**os.environ, "TMPDIR": str(spools)}
    with start_process(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        process.kill()
    assert files_under(tmp_path) == []


async def test_what_a_killed_write_left_in_a_folder_is_no_blob_and_goes_with_age(tmp_path: Path) -> None:
    storage = open_at(f"file://{tmp_path}")
    blob = await store(storage, DIGITS)
    job_index = tmp_path / "blobs" / blob.sha256[:2]
    old, young = job_index / f"{blob.sha256}#1", job_index / f"{blob.sha256}#2"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert [found.sha256 async for found in storage.blobs()] == [blob.sha256]
    assert await storage.discard_leftovers(datetime.now(UTC) - timedelta(hours=1)) == 1
    assert not old.exists()
    assert young.exists()
    assert await content(storage, blob.sha256) == DIGITS


# One blob for the same bytes, and cleanup


async def test_the_same_bytes_put_many_times_at_once_are_one_blob(place: Place) -> None:
    storage = place.open()
    blobs = await asyncio.gather(*(store(storage, DIGITS) for _ in range(50)))
    assert len(set(blobs)) == 1
    assert {found.sha256 async for found in storage.blobs()} == {blobs[0].sha256}  # rclone may name it several times
    assert await content(storage, blobs[0].sha256) == DIGITS
    assert len(place.contents()) == (place.kind != "memory")


async def test_a_blob_put_again_is_young_again(tmp_path: Path) -> None:
    storage = open_at(f"file://{tmp_path}")
    blob = await store(storage, DIGITS)
    os.utime(tmp_path / "blobs" / blob.sha256[:2] / blob.sha256, (0, 0))
    assert [found.modified.year async for found in storage.blobs()] == [1970]
    await store(storage, DIGITS)
    assert [found.modified.year async for found in storage.blobs()] == [datetime.now(UTC).year]


async def test_every_blob_is_listed_with_its_size_and_age(storage: Storage) -> None:
    started = datetime.now(UTC)
    assert [blob async for blob in storage.blobs()] == []
    put = {await store(storage, bytes(size)) for size in range(20)}
    listed = [blob async for blob in storage.blobs()]
    assert {BlobRef(blob.sha256, blob.bytes) for blob in listed} == put
    assert all(abs(blob.modified - started) < timedelta(minutes=1) for blob in listed)
    assert await storage.discard_leftovers(datetime.now(UTC)) == 0


async def test_many_are_deleted_at_once_and_the_missing_ones_are_no_error(storage: Storage) -> None:
    blobs = [await store(storage, bytes(size)) for size in range(1, 6)]
    await storage.delete([NO_BLOB, blobs[0].sha256, NO_BLOB[::-1], blobs[1].sha256, blobs[2].sha256])
    assert {found.bytes async for found in storage.blobs()} == {4, 5}
    await storage.delete([blobs[0].sha256])
    await storage.delete([])
    with pytest.raises(BlobMissing):
        await storage.size(blobs[0].sha256)


async def test_what_was_stored_is_there_after_a_restart(place: Place) -> None:
    blob = await store(place.open(), DIGITS)
    if place.kind == "memory":
        assert [found async for found in place.open().blobs()] == []  # that is what memory means
    else:
        assert await content(place.open(), blob.sha256) == DIGITS


async def test_prefixes_do_not_see_each_other(moto: MotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    lend_credentials(monkeypatch)
    root = f"s3://{moto.bucket}/{uuid.uuid4().hex}"
    one, other, under = (open_at(root + end, moto.url) for end in ("/a", "/ab", "/a/b/"))
    blob = await store(one, DIGITS)
    for storage in (other, under):
        assert [found async for found in storage.blobs()] == []
        await storage.delete([blob.sha256])
        with pytest.raises(BlobMissing):
            await storage.size(blob.sha256)
    assert await content(one, blob.sha256) == DIGITS


# Who waits


async def test_slow_readers_hold_up_nobody(folder: Storage) -> None:
    body = os.urandom(2 * MiB)
    blob = await store(folder, body)
    readers = [folder.read(blob.sha256) for _ in range(THREADS + 8)]
    first = [await anext(reader) for reader in readers]
    async with asyncio.timeout(5):
        assert await store(folder, DIGITS) == BlobRef(hashlib.sha256(DIGITS).hexdigest(), len(DIGITS))
    for reader, beginning in zip(readers, first, strict=True):
        assert beginning + b"".join([chunk async for chunk in reader]) == body


@pytest.mark.parametrize(
    ("filename", "header"),
    [
        ("small.png", 'attachment; filename="small.png"'),
        ('a"b\\c.png', "attachment; filename=\"a_b_c.png\"; filename*=UTF-8''a%22b%5Cc.png"),
        ("über.jpg", "attachment; filename=\"_ber.jpg\"; filename*=UTF-8''%C3%BCber.jpg"),
        ("a\r\nSet-Cookie: b", "attachment; filename=\"a__Set-Cookie_ b\"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20b"),
        ("\udcff", "attachment; filename=\"_\"; filename*=UTF-8''%3F"),
    ],
)
def test_any_filename_makes_a_header(filename: str, header: str) -> None:
    assert attachment(filename) == header
