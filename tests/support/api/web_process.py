"""The web process as the Procfile starts it, with the memory that it has used at most."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.api.serving import KEYS
from tests.support.processes import ROOT
from tools.servers import free_port, start_process

START_S = 60.0
STOP_S = 30.0


@dataclass(frozen=True, slots=True)
class WebProcess:
    """A running `python -m api`, and the port that it serves."""

    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_alive(self) -> None:
        """Return once it answers; raise if it ends first, or does not answer within START_S."""
        deadline = time.monotonic() + START_S
        while True:
            assert self.process.poll() is None, f"the web process ended with {self.process.returncode}"
            try:
                assert httpx.get(f"{self.url}/livez").is_success
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """Stop it as platforms do, if it still runs."""
        self.process.terminate()
        try:
            # One process ends by the signal, a supervisor of several with 0.
            assert self.process.wait(STOP_S) in {-signal.SIGTERM, 0}
        finally:
            self.kill()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def peak_memory(self) -> int:
        """Bytes of memory that the process has had at most (its resident set)."""
        match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert match is not None
        return int(match[1]) * 1024

    def processor_s(self) -> float:
        """Seconds of processor time that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start_web(
    redis_url: str,
    storage_url: str,
    environment: Mapping[str, str] = {},
    *,
    descriptors: int | None = None,
    lines: Path | None = None,
) -> WebProcess:
    """Start one with the API keys of `tests.support.api.serving`.

    Args:
        redis_url: Its REDIS_URL.
        storage_url: Its STORAGE_URL.
        environment: More of its environment.
        descriptors: Files that it may open, if not as many as this process.
        lines: Where its log goes.
    """
    variables = {
        **os.environ,
        "REDIS_URL": redis_url,
        "STORAGE_URL": storage_url,
        "API_KEYS": KEYS,
        "PORT": str(free_port()),
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
    return WebProcess(int(variables["PORT"]), process)


@contextmanager
def web_process(
    redis_url: str,
    storage_url: str,
    environment: Mapping[str, str] = {},
    *,
    descriptors: int | None = None,
    lines: Path | None = None,
) -> Iterator[WebProcess]:
    """Start one, as `start_web`, wait until it answers, and stop it at the end of the block."""
    web = start_web(redis_url, storage_url, environment, descriptors=descriptors, lines=lines)
    try:
        web.wait_until_alive()
        yield web
    finally:
        web.stop()
