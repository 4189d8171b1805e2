"""`bin/dev`: the Procfile's own lines under honcho, with a Valkey in ./data/valkey unless REDIS_URL is set.

Unlike in production, webhooks may go to this machine. On another PORT than 8000 it has data of its own, in ./data/PORT,
so that several may run at the same time.
"""

import contextlib
import os
import sys
from pathlib import Path
from typing import Final

from api.http.access.first_key import keys_of
from api.http.access.hosts import listen_hosts
from api.server.run import listen
from tasks.settings import load
from tools.one_machine import PORT, alone, embedded_valkey, run_procfile

DATA: Final = Path("data")


def start() -> None:
    os.environ["DEV"] = "1"
    # Receivers under development are on this machine, without TLS.
    os.environ.setdefault("OUTBOUND_NETWORKS", "127.0.0.0/8,::1/128")
    os.environ.setdefault("OUTBOUND_HTTP", "true")
    try:
        settings = load()
        for one in listen(listen_hosts(settings, keys_of(settings)), settings.port):
            one.close()
    except ValueError as error:
        sys.exit(f"bin/dev: {error}")
    given = settings.model_fields_set
    if "public_url" not in given:  # the worker has another PORT from honcho, and must know that of web
        os.environ["PUBLIC_URL"] = f"http://localhost:{settings.port}"
    with contextlib.ExitStack() as stack:
        if "redis_url" not in given:
            folder = DATA if settings.port == PORT else DATA / str(settings.port)
            stack.enter_context(alone(folder, "bin/dev"))
            stack.enter_context(embedded_valkey(folder / "valkey", appendfsync="no"))
            if "storage_url" not in given:
                os.environ["STORAGE_URL"] = f"file://./{folder}/storage"
        sys.stdout.write(f"bin/dev: starting at http://localhost:{settings.port}, with the reference at /docs\n")
        sys.stdout.flush()
        run_procfile(Path("Procfile"), settings)


if __name__ == "__main__":
    start()
