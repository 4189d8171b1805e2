"""Files of a storage in a folder: written whole or not at all, and only where they do not hold the same already."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.settings import Settings
from tasks.storage.folder.whole_write import put_whole
from tasks.storage.open import open_storage


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


def names(file: Path) -> list[str]:
    return sorted(path.name for path in file.parent.iterdir())


@pytest.mark.parametrize("content", [b"", b"new", bytes(5 * 1024 * 1024)])
def test_a_new_file_holds_its_content_and_nothing_lies_beside_it(file: Path, content: bytes) -> None:
    assert put_whole(file, content)
    assert (file.read_bytes(), names(file)) == (content, ["file"])


def test_the_same_content_makes_the_file_young_and_is_not_written_again(file: Path) -> None:
    put_whole(file, b"same")
    number = file.stat().st_ino
    os.utime(file, (0, 0))
    assert put_whole(file, b"same")
    assert file.stat().st_ino == number
    assert file.stat().st_mtime > 0


@pytest.mark.parametrize("harmed", [b"", b"sam", b"samE", b"same and more"])
def test_a_file_that_a_crash_has_harmed_is_replaced(file: Path, harmed: bytes) -> None:
    file.write_bytes(harmed)
    assert put_whole(file, b"same")
    assert (file.read_bytes(), names(file)) == (b"same", ["file"])


def test_a_link_is_replaced_and_what_it_leads_to_is_left_alone(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(b"same")
    os.utime(other, (0, 0))
    file.symlink_to(other)
    assert put_whole(file, b"same")
    assert not file.is_symlink()
    assert other.stat().st_mtime == 0


def test_what_another_writer_has_begun_is_left_to_it(file: Path) -> None:
    begun = file.with_name("file#1")
    begun.write_bytes(b"half")
    assert not put_whole(file, b"whole")
    assert (begun.read_bytes(), names(file)) == (b"half", ["file#1"])


def test_a_folder_in_the_way_stays_and_nothing_is_left(file: Path) -> None:
    file.mkdir()
    assert not put_whole(file, b"new")
    assert names(file) == ["file"]


def test_without_its_folder_nothing_is_written(file: Path) -> None:
    assert not put_whole(file / "inside", b"new")
    assert names(file) == []


def test_a_write_that_stops_half_way_leaves_nothing(file: Path) -> None:
    program = """
import sys, signal
from pathlib import Path
from tasks.storage.folder.whole_write import put_whole
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.exit(put_whole(Path(sys.argv[1]), bytes(100_000)))
"""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    command = [sys.executable, "-c", program, str(file)]
    assert subprocess.run(command, preexec_fn=limit, check=False).returncode == 0
    assert names(file) == []


async def test_a_blob_under_way_elsewhere_is_stored_all_the_same(tmp_path: Path) -> None:
    storage = open_storage(Settings(_env_file=None, storage_url=tmp_path.as_uri(), dev=True))
    await storage.put_object("history/1/2", b"old")
    (tmp_path / "history/1/2#1").write_bytes(b"half")
    await storage.put_object("history/1/2", b"new")
    assert await storage.get_object("history/1/2") == b"new"
    assert (tmp_path / "history/1/2#1").read_bytes() == b"half"
