"""How a test and the work in a child wait for each other: named pipes and process descriptors, no clocks."""

import asyncio
import os
from pathlib import Path
from types import TracebackType

PATIENCE_S = 10.0


class ChildEvent:
    """The child announces that it runs by writing its process id to the pipe at `path`."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # both ends, so that nobody's open ever waits

    async def wait(self) -> int:
        """The process id of the child that announces itself next."""
        await readable(self._pipe)
        return int(os.read(self._pipe, 64))

    def silent(self) -> bool:
        try:
            os.read(self._pipe, 64)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        os.close(self._pipe)


class Gate:
    """The child waits for a byte from the pipe at `path`."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def open(self) -> None:
        """Let one through."""
        os.write(self._pipe, b"x")

    def close(self) -> None:
        os.close(self._pipe)


class ProcessWatch:
    """Watches a process from before its end, so that its id cannot come to mean another."""

    def __init__(self, pid: int) -> None:
        self._process = os.pidfd_open(pid)

    def __enter__(self) -> "ProcessWatch":
        return self

    async def gone(self, within_s: float = PATIENCE_S) -> None:
        """Raises TimeoutError if the process still lives after `within_s`."""
        await readable(self._process, within_s)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._process)


async def readable(descriptor: int, within_s: float = PATIENCE_S) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        async with asyncio.timeout(within_s):
            await ready.wait()
    finally:
        loop.remove_reader(descriptor)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def parent_of(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("PPid:"):
            return int(line.split()[1])
    raise ProcessLookupError(pid)
