"""`bin/dev`, as a developer starts it: on a port that is taken, at a terminal, twice."""

import contextlib
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.one_machine.waiting import START_S, wait_until_alive
from tools.documents import ROOT
from tools.one_machine import alone
from tools.servers import ending_with_us, free_port

TAKEN = "Address already in use"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder in which it keeps its data."""
    shutil.copy(ROOT / "Procfile", tmp_path)
    return tmp_path


@contextlib.contextmanager
def dev(folder: Path, port: int, output: int = subprocess.DEVNULL) -> Iterator["subprocess.Popen[bytes]"]:
    """A running `bin/dev`, but for its set-up, until the block ends."""
    unset = {"DEV", "REDIS_URL", "STORAGE_URL", "LOG_FORMAT", "PUBLIC_URL"}
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment |= {
        "PORT": str(port),
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    command = ending_with_us([sys.executable, "-m", "tools.dev"], signal.SIGTERM)
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=START_S)


@contextlib.contextmanager
def terminal() -> Iterator[tuple[int, list[bytes]]]:
    """A terminal, and what is written to it until the block ends."""
    ours, theirs = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        with contextlib.suppress(OSError):  # what a terminal says once nobody writes to it any more
            while piece := os.read(ours, 65536):
                shown.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield theirs, shown
    finally:
        os.close(theirs)
        reader.join(START_S)
        os.close(ours)


def test_several_run_side_by_side_but_not_on_one_port(checkout: Path) -> None:
    first, second = free_port(), free_port()
    log = checkout / "log"
    with terminal() as (screen, shown), log.open("wb") as file:
        with dev(checkout, first, screen) as one, dev(checkout, second, file.fileno()) as other:
            wait_until_alive(first, one)
            wait_until_alive(second, other)
            with dev(checkout, first) as refused:
                said = refused.communicate(timeout=START_S)[1].decode()
                assert refused.returncode == 1
            assert said == f"bin/dev: cannot listen on 127.0.0.1, port {first}: {TAKEN}. Set WEB_HOSTS or PORT.\n"
            folders = [checkout / "data" / str(port) for port in (first, second)]
            assert all((folder / "valkey" / "appendonlydir").is_dir() for folder in folders)
            assert (one.poll(), other.poll()) == (None, None)
        with (
            pytest.raises(SystemExit, match="another bin/dev uses"),
            alone(checkout, "bin/dev"),
            alone(checkout, "bin/dev"),
        ):
            pass
    assert b"api.storage  " in b"".join(shown)  # text at a terminal, JSON elsewhere
    assert b'"event":"api.storage"' not in b"".join(shown)
    assert '"event":"api.storage"' in log.read_text()
    assert f"bin/dev: starting at http://localhost:{second}," in log.read_text()
