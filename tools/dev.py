"""`bin/dev`: the Procfile's own lines under honcho, with a Valkey in ./data/valkey unless REDIS_URL is set.

Unlike in production, webhooks may go to this machine.
"""

import contextlib
import os
import sys
from pathlib import Path

import honcho.manager
from honcho.command import main

from tasks.settings import Settings
from tests.support.servers import Valkey

STOP_S = 30  # as long as platforms give; honcho's own 5 s would cut jobs short that the worker lets end


def start() -> None:
    honcho.manager.KILL_WAIT = STOP_S
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
