"""The service as `bin/fuzz` and `bin/clients` meet it: the Procfile's web process and worker, a Valkey, a receiver."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.api.web_process import web_process
from tests.support.processes import ROOT
from tools.servers import Valkey, free_port, start_process

HERE: Final = Path(__file__).parent
KEYS: Final[dict[str, str]] = {
    one["name"]: one["fixedHeaders"][0]["value"].removeprefix("Bearer ")
    for one in json.loads((HERE / "owners.json").read_text())["auth"]
}
SETTINGS: Final = {
    "API_KEYS": ",".join(f"{owner}:{key}" for owner, key in KEYS.items()),
    "ADMINS": "operator",
    "SECRET_KEY": "k" * 32,
    "CORS_ORIGINS": "https://app.example.com",
    "DEV": "1",  # links begin with the host of the request
    # The receiver is on this machine, and no name server is waited for.
    "OUTBOUND_NETWORKS": "127.0.0.0/8",
    "OUTBOUND_HTTP": "true",
    "DNS_TIMEOUT_S": "0.1",
    # So many requests are not one user's.
    "WRONG_KEYS_PER_MINUTE": "100000",
    "WRONG_KEYS_ALL_PER_MINUTE": "100000",
    "OWNER_RUNS_PER_MINUTE": "100000",
    "OWNER_SCHEDULES_PER_MINUTE": "100000",
    "LOG_LEVEL": "warning",
}


@dataclass(frozen=True, slots=True)
class Service:
    """A running service. url: of its API. receiver: a URL for webhooks, which answers 200. log: of the web process."""

    url: str
    receiver: str
    log: Path


@contextmanager
def running(folder: Path) -> Iterator[Service]:
    """Run the service until the end of the block.

    Args:
        folder: For its logs and its storage.
    """
    with ExitStack() as stack:
        redis, storage = stack.enter_context(Valkey()).url, f"file://{folder / 'storage'}"
        web = stack.enter_context(web_process(redis, storage, SETTINGS, lines=folder / "web.log"))
        environment = {**os.environ, **SETTINGS, "REDIS_URL": redis, "STORAGE_URL": storage}
        with (folder / "worker.log").open("wb") as log:
            worker = start_process([sys.executable, "-m", "worker"], cwd=ROOT, env=environment, stderr=log)
        stack.callback(_stop, worker)
        port = free_port()
        command = [sys.executable, "-m", "tests.support.receivers", "fast", str(port)]
        stack.callback(_stop, start_process(command, cwd=ROOT, stdout=subprocess.DEVNULL))
        yield Service(web.url, f"http://127.0.0.1:{port}/hook", folder / "web.log")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Stop a process as a platform does."""
    process.terminate()
    process.wait(30)
