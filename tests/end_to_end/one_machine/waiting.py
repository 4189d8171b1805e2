"""Waits for a program of `bin/` that serves."""

import contextlib
import subprocess
import time

import httpx

START_S = 60.0


def wait_until_alive(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Return once the web process on `port` answers; raise with what the program printed if it ends first."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1].decode()
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}/livez").is_success:
                return
        time.sleep(0.05)
    raise TimeoutError
