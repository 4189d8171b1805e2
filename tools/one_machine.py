"""Runs the Procfile's processes on one machine, with honcho and a Valkey: what `bin/dev` and `bin/serve` share."""

import contextlib
import fcntl
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

import honcho.manager
from honcho.command import main
from honcho.manager import Manager

from tasks.settings import Settings
from tools.servers import Valkey

PORT: Final = Settings.model_fields["port"].default


def run_procfile(procfile: Path, settings: Settings) -> None:
    """Run the processes of a Procfile until a signal or the end of one of them, and end this process.

    Args:
        procfile: The file.
        settings: PORT and PLATFORM_STOP_S count.
    """
    if "log_format" not in settings.model_fields_set and sys.stdout.isatty():
        os.environ["LOG_FORMAT"] = "text"  # the processes see honcho's pipe, not the terminal
    stop_like_a_platform(settings.platform_stop_s)
    sys.argv = ["honcho", "start", "--procfile", str(procfile), "--port", str(settings.port)]
    main()


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


@contextlib.contextmanager
def alone(folder: Path, program: str) -> Iterator[None]:
    """Keep the data of a folder from another process, until the block or this process ends.

    Args:
        folder: Is made if it does not exist.
        program: What runs, for the message to the other.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"{program}: another {program} uses {folder}. Stop it, or start this one on another PORT.")
        yield


@contextlib.contextmanager
def embedded_valkey(folder: Path, appendfsync: str) -> Iterator[None]:
    """A Valkey that logs every change to a folder, and REDIS_URL of it, until the block ends. Other users of this
    machine cannot read its password.

    Args:
        folder: Its data.
        appendfsync: When the log is written to disk: `no` leaves it to the system, `everysec` is once a second.
    """
    password = secrets.token_urlsafe(32)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    configuration = folder / "valkey.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(f"requirepass {password}\nappendfsync {appendfsync}\n")
    with Valkey(appendonly=True, folder=folder, configuration=configuration) as valkey:
        os.environ["REDIS_URL"] = f"redis://:{password}@127.0.0.1:{valkey.port}/0"
        yield
