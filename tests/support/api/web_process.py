"""The web process as the Procfile starts it, with the memory that it has used at most."""

import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.api.serving import KEYS
from tests.support.processes import ROOT
from tests.support.servers import free_port, start_process

START_S = 60.0


@dataclass(frozen=True, slots=True)
class WebProcess:
    """A running `python -m api`: its port and process id."""

    port: int
    pid: int

    def peak_memory(self) -> int:
        """Bytes of memory that the process has had at most (its resident set)."""
        match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert match is not None
        return int(match[1]) * 1024

    def processor_s(self) -> float:
        """Seconds of processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def web_process(
    redis_url: str,
    storage_url: str,
    environment: Mapping[str, str] = {},
    *,
    descriptors: int | None = None,
    lines: Path | None = None,
) -> Iterator[WebProcess]:
    """Start one with the API keys of `tests.support.api.serving`, and stop it at the end of the block.

    Args:
        redis_url: Its REDIS_URL.
        storage_url: Its STORAGE_URL.
        environment: More of its environment.
        descriptors: Files that it may open, if not as many as this process.
        lines: Where its log goes.
    """
    port = free_port()
    variables = {
        **os.environ,
        "REDIS_URL": redis_url,
        "STORAGE_URL": storage_url,
        "API_KEYS": KEYS,
        "PORT": str(port),
        "LOG_LEVEL": "warning",
        "WEB_CONCURRENCY": "1",
        **environment,
    }
    command = [sys.executable, "-m", "api"]
    if descriptors is not None:
        command = ["/bin/sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *command]
    with contextlib.ExitStack() as stack:
        told = stack.enter_context(lines.open("wb")) if lines else None
        process = start_process(command, cwd=ROOT, env=variables, stderr=told)
    try:
        _wait_until_alive(port, time.monotonic() + START_S)
        yield WebProcess(port, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(30) == -signal.SIGTERM
        finally:
            process.kill()
            process.wait()


def _wait_until_alive(port: int, deadline: float) -> None:
    while True:
        try:
            assert httpx.get(f"http://127.0.0.1:{port}/livez").is_success
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
