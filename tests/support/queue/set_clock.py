"""A Redis whose wall clock can be set while it runs, as NTP or a resumed machine does."""

import os
import shutil
import struct
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.servers import free_port, start_process, wait_for_port

SHIM = Path(__file__).with_name("clock_shim.c")


def missing() -> str | None:
    """What this machine lacks for it; None if nothing."""
    if shutil.which("redis-server") is None:
        return "no redis-server (Debian: apt install redis-server)"
    return None if shutil.which("cc") else "no C compiler (Debian: apt install gcc)"


class SetClockRedis:
    """Debian's redis-server on a free port of 127.0.0.1. `jump` sets its clock."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._offset = folder / "offset"
        self._offset_s = 0

    def jump(self, seconds: int) -> None:
        """Set the clock forward, or back, by whole seconds."""
        self._offset_s += seconds
        with self._offset.open("r+b") as file:
            file.write(struct.pack("q", self._offset_s))

    def __enter__(self) -> Self:
        self._offset.write_bytes(struct.pack("q", 0))
        library = self._folder / "clock_shim.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SHIM)], check=True)
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._folder)]
        command += ["--save", "", "--appendonly", "no", "--loglevel", "warning"]
        environment = {**os.environ, "LD_PRELOAD": str(library), "CLOCK_OFFSET_FILE": str(self._offset)}
        self._process = start_process(command, stdout=subprocess.DEVNULL, env=environment)
        wait_for_port(self.port, self._process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
