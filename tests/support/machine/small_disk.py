"""A file system of a few megabytes, to be full in a test."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

MiB = 1 << 20


@dataclass
class SmallDisk:
    """A mounted tmpfs."""

    folder: Path

    def fill(self, *, leave_bytes: int = 0) -> None:
        """Write a file that leaves so much free."""
        space = os.statvfs(self.folder)
        (self.folder / "filler").write_bytes(bytes(max(space.f_bavail * space.f_frsize - leave_bytes, 0)))

    def free(self) -> None:
        """Remove that file."""
        (self.folder / "filler").unlink()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount a small disk until the block ends. Skips the test where that is not allowed.

    Args:
        folder: Where; it is made.
        megabytes: Its size.
    """
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no program `mount`")
    if done.returncode != 0:
        pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
