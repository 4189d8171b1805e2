"""`bin/fuzz`: requests that Schemathesis makes from the OpenAPI document, to the Procfile's own processes.

There are two owners, of whom neither may see anything of the other's, and an admin. What is checked, and what is left
out for which reason, is in `schemathesis.toml`, `hooks.py` and `refusals.py` beside this file.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

from tests.contract.owners import BOBS, OBJECTS, OWNERS, Objects, make_objects
from tests.contract.service import HERE, KEYS, running
from tests.support.processes import ROOT


def main(arguments: list[str]) -> int:
    """Run Schemathesis, with more arguments of `st run` if there are any.

    Returns:
        The exit status: 0 if nothing was found.
    """
    with tempfile.TemporaryDirectory(prefix="pressroom-fuzz-") as name, running(Path(name)) as service:
        objects: dict[str, Objects] = {"receiver": {"url": [service.receiver]}}
        for owner in OWNERS:
            headers = {"Authorization": f"Bearer {KEYS[owner]}"}
            with httpx.Client(base_url=service.url, headers=headers, timeout=30) as client:
                objects[owner] = make_objects(client, service.receiver, {"bob": BOBS}.get(owner, owner))
        file = Path(name) / "objects.json"
        file.write_text(json.dumps(objects))
        program = str(Path(sys.executable).with_name("schemathesis"))
        configuration = str(HERE / "schemathesis.toml")
        command = [program, "--config-file", configuration, "run", f"{service.url}/openapi.json", *arguments]
        status = subprocess.run(command, cwd=ROOT, env={**os.environ, OBJECTS: str(file)}).returncode
        faults = [line for line in service.log.read_text().splitlines() if "api.fault" in line]
        if faults:
            sys.stdout.write(f"The log has {len(faults)} unexpected exceptions, of which the last is: {faults[-1]}\n")
        return status or bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
