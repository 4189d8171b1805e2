"""`bin/fuzz`: requests that Schemathesis makes from the OpenAPI document, to the Procfile's own processes.

The web process, a worker and a Valkey are real, and so is the receiver of the webhooks. There are two owners, of whom
neither may see anything of the other's, and an admin. What is checked, and what is left out for which reason, is in
`schemathesis.toml` and `refusals.py` beside this file.
"""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import httpx

from tests.contract.owners import BOBS, OBJECTS, OWNERS, Objects, make_objects
from tests.support.api.web_process import web_process
from tests.support.processes import ROOT
from tests.support.servers import Valkey, free_port, start_process

HERE: Final = Path(__file__).parent
CONFIGURATION: Final = HERE / "schemathesis.toml"
KEYS: Final[dict[str, str]] = {
    one["name"]: one["fixedHeaders"][0]["value"].removeprefix("Bearer ")
    for one in json.loads((HERE / "owners.json").read_text())["auth"]
}
SETTINGS: Final = {
    "API_KEYS": ",".join(f"{owner}:{key}" for owner, key in KEYS.items()),
    "ADMINS": "operator",
    "SECRET_KEY": "k" * 32,
    # The receiver is on this machine, and no name server is waited for.
    "OUTBOUND_NETWORKS": "127.0.0.0/8",
    "OUTBOUND_HTTP": "true",
    "DNS_TIMEOUT_S": "0.1",
    # So many requests are not one user's.
    "OWNER_RUNS_PER_MINUTE": "100000",
    "OWNER_SCHEDULES_PER_MINUTE": "100000",
    "LOG_LEVEL": "warning",
}


def main(arguments: list[str]) -> int:
    """Run Schemathesis, with more arguments of `st run` if there are any.

    Returns:
        The exit status: 0 if nothing was found.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pressroom-fuzz-")))
        redis, storage = stack.enter_context(Valkey()).url, f"file://{folder / 'storage'}"
        web = stack.enter_context(web_process(redis, storage, SETTINGS, lines=folder / "web.log"))
        environment = {**os.environ, **SETTINGS, "REDIS_URL": redis, "STORAGE_URL": storage}
        with (folder / "worker.log").open("wb") as log:
            worker = start_process([sys.executable, "-m", "worker"], cwd=ROOT, env=environment, stderr=log)
        stack.callback(stop, worker)
        port = free_port()
        receiver = start_process(
            [sys.executable, "-m", "tests.support.receivers", "fast", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL
        )
        stack.callback(stop, receiver)
        objects: dict[str, Objects] = {"receiver": {"url": [f"http://127.0.0.1:{port}/hook"]}}
        for owner in OWNERS:
            with httpx.Client(
                base_url=web.url, headers={"Authorization": f"Bearer {KEYS[owner]}"}, timeout=30
            ) as client:
                objects[owner] = make_objects(client, objects["receiver"]["url"][0], {"bob": BOBS}.get(owner, owner))
        (folder / "objects.json").write_text(json.dumps(objects))
        program = Path(sys.executable).with_name("schemathesis")
        command = [str(program), "--config-file", str(CONFIGURATION), "run", f"{web.url}/openapi.json", *arguments]
        status = subprocess.run(command, cwd=ROOT, env={**os.environ, OBJECTS: str(folder / "objects.json")}).returncode
        faults = [line for line in (folder / "web.log").read_text().splitlines() if "api.fault" in line]
        for line in faults:
            sys.stdout.write(f"The log has an unexpected exception: {line}\n")
        return status or bool(faults)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Stop a process as a platform does."""
    process.terminate()
    process.wait(30)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
