"""A Redis whose wall clock can be set while it runs, as NTP or a resumed machine does."""

import shutil
import struct
import subprocess
from pathlib import Path

from tools.servers import REDIS_SERVER, Valkey

SHIM = Path(__file__).with_name("clock_shim.c")


def missing() -> str | None:
    """What this machine lacks for it; None if nothing."""
    if REDIS_SERVER is None:
        return "no redis-server (Debian: apt install redis-server)"
    return None if shutil.which("cc") else "no C compiler (Debian: apt install gcc)"


class SetClockRedis(Valkey):
    """Debian's redis-server. `jump` sets its clock."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder=folder, program=REDIS_SERVER)
        self._offset = folder / "offset"
        self._offset_s = 0
        self._library = folder / "clock_shim.so"
        self.variables = {"LD_PRELOAD": str(self._library), "CLOCK_OFFSET_FILE": str(self._offset)}

    def jump(self, seconds: int) -> None:
        """Set the clock forward, or back, by whole seconds."""
        self._offset_s += seconds
        with self._offset.open("r+b") as file:
            file.write(struct.pack("q", self._offset_s))

    def start(self) -> None:
        self._offset.write_bytes(struct.pack("q", self._offset_s))
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(self._library), str(SHIM)], check=True)
        super().start()
