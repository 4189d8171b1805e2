"""`bin/dev`: the Procfile's own lines under honcho, with a Valkey in ./data/valkey unless REDIS_URL is set.

Unlike in production, webhooks may go to this machine. On another PORT than 8000 it has data of its own, in ./data/PORT,
so that several may run at the same time.
"""

import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

import honcho.manager
from honcho.command import main
from honcho.manager import Manager

from api.http.access.hosts import listen_hosts
from api.server.run import listen
from tasks.settings import Settings, load
from tests.support.servers import Valkey

DATA: Final = Path("data")
PORT: Final = Settings.model_fields["port"].default


def stop_like_a_platform(stop_s: float) -> None:
    """Let honcho's processes end as on a platform, and let a second Ctrl-C reach them.

    Args:
        stop_s: Seconds until they are killed. honcho's own 5 s would cut short what the worker lets end.
    """
    honcho.manager.KILL_WAIT = stop_s
    start_all = Manager._start  # noqa: SLF001 - honcho has no hook; it ignores every Ctrl-C but the first

    def start_and_listen(manager: Any) -> None:
        start_all(manager)
        stop_all = signal.getsignal(signal.SIGINT)

        def interrupt(number: int, frame: FrameType | None) -> None:
            if callable(stop_all) and not manager._terminating:  # noqa: SLF001
                stop_all(number, frame)
                return
            for process in manager._processes.values():  # noqa: SLF001
                if "pid" in process and "returncode" not in process:
                    os.killpg(process["pid"], signal.SIGINT)

        signal.signal(signal.SIGINT, interrupt)

    Manager._start = start_and_listen  # noqa: SLF001


def start() -> None:
    os.environ["DEV"] = "1"
    # Receivers under development are on this machine, without TLS.
    os.environ.setdefault("OUTBOUND_NETWORKS", "127.0.0.0/8,::1/128")
    os.environ.setdefault("OUTBOUND_HTTP", "true")
    try:
        settings = load()
        for one in listen(listen_hosts(settings), settings.port):
            one.close()
    except ValueError as error:
        sys.exit(f"bin/dev: {error}")
    given = settings.model_fields_set
    if "public_url" not in given:  # the worker has another PORT from honcho, and must know that of web
        os.environ["PUBLIC_URL"] = f"http://localhost:{settings.port}"
    if "log_format" not in given and sys.stdout.isatty():
        os.environ["LOG_FORMAT"] = "text"  # the processes see honcho's pipe, not the terminal
    stop_like_a_platform(settings.platform_stop_s)
    sys.argv = ["honcho", "start", "--procfile", "Procfile", "--port", str(settings.port)]
    with contextlib.ExitStack() as stack:
        if "redis_url" not in given:
            folder = DATA if settings.port == PORT else DATA / str(settings.port)
            stack.enter_context(alone(folder))
            os.environ["REDIS_URL"] = stack.enter_context(Valkey(appendonly=True, folder=folder / "valkey")).url
            if "storage_url" not in given:
                os.environ["STORAGE_URL"] = f"file://./{folder}/storage"
        sys.stdout.write(f"bin/dev: starting at http://localhost:{settings.port}, with the reference at /docs\n")
        sys.stdout.flush()
        main()


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep the data of a folder from another `bin/dev`, until the block or this process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"bin/dev: another bin/dev uses {folder}. Stop it, or start this one on another PORT.")
        yield


if __name__ == "__main__":
    start()
