"""`bin/dev`: the Procfile's own lines under honcho, with a Valkey in ./data/valkey unless REDIS_URL is set.

Unlike in production, webhooks may go to this machine.
"""

import contextlib
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import honcho.manager
from honcho.command import main
from honcho.manager import Manager

from tasks.settings import Settings
from tests.support.servers import Valkey


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
    stop_like_a_platform(Settings().platform_stop_s)
    sys.argv = ["honcho", "start", "--procfile", "Procfile", "--port", os.environ.get("PORT", "8000")]
    # Receivers under development are on this machine, without TLS.
    os.environ.setdefault("OUTBOUND_NETWORKS", "127.0.0.0/8,::1/128")
    os.environ.setdefault("OUTBOUND_HTTP", "true")
    with contextlib.ExitStack() as stack:
        if "redis_url" not in Settings().model_fields_set:
            os.environ["REDIS_URL"] = stack.enter_context(Valkey(appendonly=True, folder=Path("data/valkey"))).url
        main()


if __name__ == "__main__":
    start()
