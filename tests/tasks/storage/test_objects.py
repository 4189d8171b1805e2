"""Objects of the installation itself, beside the blobs."""

import asyncio
import stat
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import rmtree

import pytest

from tasks.settings import MiB, Settings
from tasks.storage.folder import private_folder
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage
from tests.support.blobs import put
from tests.support.servers import S3Server


@pytest.fixture(params=["folder", "memory", "moto", "rclone"])
def storage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    if request.param in {"folder", "memory"}:
        url = f"file://{tmp_path}/storage" if request.param == "folder" else "memory://"
        return open_storage(Settings(_env_file=None, storage_url=url))
    server: S3Server = request.getfixturevalue(request.param)
    for name, value in S3Server.environment.items():
        monkeypatch.setenv(name, value)
    url = f"s3://{server.bucket}/{uuid.uuid4().hex}"
    return open_storage(Settings(_env_file=None, storage_url=url, storage_endpoint=server.url))


async def test_an_object_is_written_read_replaced_listed_and_deleted(storage: Storage) -> None:
    assert await storage.get_object("notes/a") is None
    assert await storage.object_names("notes") == []
    for name, content in (("notes/b", b"1"), ("notes/a", b"2"), ("notes/a", b"3"), ("other", b"4")):
        await storage.put_object(name, content)
    assert await storage.get_object("notes/a") == b"3"
    assert await storage.object_names("notes") == ["notes/a", "notes/b"]
    await storage.delete_objects(["notes/a", "notes/never"])
    assert await storage.object_names("notes") == ["notes/b"]
    assert await storage.get_object("other") == b"4"


async def test_many_objects_are_listed_page_by_page(storage: Storage) -> None:
    assert [one async for one in storage.objects("many")] == []
    names = {f"many/{number % 4}/{number}" for number in range(1_010 if not storage.shared else 20)}
    await storage.put_objects([(name, b"123") for name in names])
    await storage.put_object("other/1", b"4")
    found = [one async for one in storage.objects("many")]
    assert {one.name for one in found} == names
    assert {one.bytes for one in found} == {3}
    assert all(abs(datetime.now(UTC) - one.modified) < timedelta(minutes=5) for one in found)


async def test_one_that_exists_is_not_created_again(storage: Storage) -> None:
    assert await storage.create_object("notes/a", b"1")
    assert not await storage.create_object("notes/a", b"2")
    assert await storage.get_object("notes/a") == b"1"


@pytest.mark.parametrize("storage", ["folder", "memory", "moto"], indirect=True)  # rclone overlooks the condition
async def test_of_two_that_create_one_at_the_same_moment_one_does(storage: Storage) -> None:
    made = await asyncio.gather(*(storage.create_object("notes/a", str(n).encode()) for n in range(8)))
    assert made.count(True) == 1
    assert await storage.get_object("notes/a") == str(made.index(True)).encode()


async def test_no_other_user_of_the_machine_reads_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_folder, "LOOK_AGAIN_S", 0)
    folder = tmp_path / "new" / "storage"
    storage = open_storage(Settings(_env_file=None, storage_url=f"file://{folder}"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)  # as a mounted disk may be
    await put(storage)
    await put(storage, b"large" * MiB)
    await storage.put_object("notes/a", b"1")
    assert await storage.create_object("notes/b", b"1")
    await storage.put_object("marker", b"1")
    files = [one for one in folder.rglob("*") if one.is_file()]
    assert len(files) == 5
    assert not [one for one in files if _is_open_to_others(one, folder)]

    rmtree(folder / "blobs")
    await put(storage)
    assert not [one for one in folder.rglob("*") if one.is_file() and _is_open_to_others(one, folder)]

    rmtree(folder)
    await storage.check()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_where_a_part_cannot_be_closed_each_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = open_storage(Settings(_env_file=None, storage_url=f"file://{tmp_path}"))
    (tmp_path / "blobs").mkdir(0o755)
    chmod = Path.chmod

    def as_another_user(path: Path, mode: int) -> None:
        if path.is_dir():
            raise PermissionError
        chmod(path, mode)

    monkeypatch.setattr(Path, "chmod", as_another_user)
    await put(storage)
    (file,) = [one for one in tmp_path.rglob("*") if one.is_file()]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def _is_open_to_others(file: Path, folder: Path) -> bool:
    """Whether another user can read a file: each folder on the way, and the file."""
    way = [one for one in (file, *file.parents) if one.is_relative_to(folder)]
    return all(stat.S_IMODE(one.stat().st_mode) & 0o077 for one in way)


async def test_no_object_is_among_the_blobs(storage: Storage) -> None:
    await storage.put_object("notes/a", b"1")
    blob = await put(storage)
    assert [one.sha256 async for one in storage.blobs()] == [blob.sha256]


@pytest.mark.parametrize("folder", ["history/installation", "exchanges/ab"])
async def test_what_a_killed_write_left_goes_with_age(tmp_path: Path, folder: str) -> None:
    storage = open_storage(Settings(_env_file=None, storage_url=f"file://{tmp_path}"))
    await storage.put_object(f"{folder}/1", b"1")
    half = tmp_path / folder / "2#1"
    half.write_bytes(b"half")
    assert await storage.object_names(folder) == [f"{folder}/1"]
    assert await storage.discard_leftovers(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert await storage.discard_leftovers(datetime.now(UTC) + timedelta(hours=1)) == 1
    assert not half.exists()
    assert await storage.get_object(f"{folder}/1") == b"1"
