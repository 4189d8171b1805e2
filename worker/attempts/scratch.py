"""Places on disk for attempts: made when asked for, removed when the attempt is over, swept up after a worker that was
killed."""

import os
import shutil
import tempfile
from functools import cached_property
from pathlib import Path

PREFIX = "pressroom-scratch-"


class ScratchRoom:
    """This process's folder of scratch folders."""

    def __init__(self) -> None:
        self._folder: Path | None = None

    def open(self) -> "ScratchFolder":
        return ScratchFolder(self)

    @property
    def folder(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        return self._folder

    def remove(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


class ScratchFolder:
    """One attempt's folder (`tasks.kind.Scratch`)."""

    def __init__(self, room: ScratchRoom) -> None:
        self._room = room

    @cached_property
    def folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._room.folder))

    def remove(self) -> None:
        if "folder" in self.__dict__:
            shutil.rmtree(self.folder, ignore_errors=True)


def sweep() -> int:
    """Remove what killed workers left on this machine. Returns how many folders there were."""
    swept = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            shutil.rmtree(folder, ignore_errors=True)
            swept += 1
    return swept
