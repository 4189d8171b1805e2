"""Scratch folders of attempts: created on first use, removed after the attempt, or at the next start of a worker."""

import os
import shutil
import tempfile
from functools import cached_property
from pathlib import Path

PREFIX = "pressroom-scratch-"


class ScratchRoot:
    """The folder that holds this process's scratch folders, created on first use."""

    def __init__(self) -> None:
        self._folder: Path | None = None

    def open(self) -> "ScratchFolder":
        """Return the scratch folder of a new attempt."""
        return ScratchFolder(self)

    @property
    def folder(self) -> Path:
        """The folder's path."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        return self._folder

    def remove(self) -> None:
        """Remove the folder and everything in it."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


class ScratchFolder:
    """One attempt's folder, a `tasks.kind.Scratch`."""

    def __init__(self, root: ScratchRoot) -> None:
        self._root = root

    @cached_property
    def folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._root.folder))

    def remove(self) -> None:
        if "folder" in self.__dict__:
            try:
                for name in os.listdir(self.folder):  # noqa: PTH208 - nearly always files alone
                    os.unlink(f"{self.folder}/{name}")  # noqa: PTH108 - a path object takes longer than the deletion
                os.rmdir(self.folder)  # noqa: PTH106
            except OSError:
                shutil.rmtree(self.folder, ignore_errors=True)


def remove_leftovers() -> int:
    """Remove the folders that killed workers left on this machine. Returns how many there were."""
    removed = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed
