"""`bin/clients`: clients, each used against the real service.

Generated ones, from the served OpenAPI document: the one for Python is made by openapi-python-client, the types for
TypeScript by openapi-typescript. And those of `clients/`, of whose READMEs each block is run, and the apps of
`examples/` that use them. Where there is no npm,
what is for TypeScript is skipped.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

from tests.contract import examples, readmes
from tests.contract.service import HERE, KEYS, Service, running
from tests.support.processes import ROOT

PACKAGE = "generated_client"
NPM = shutil.which("npm")


def main() -> int:
    """Generate and use both. Returns: the exit status."""
    with tempfile.TemporaryDirectory(prefix="pressroom-clients-") as name, running(Path(name)) as service:
        document = Path(name) / "openapi.json"
        document.write_bytes(httpx.get(f"{service.url}/openapi.json").raise_for_status().content)
        use_python(document, service)
        readmes.run_python(document.parent / "readme", _variables(service))
        examples.run_python(document.parent / "examples", _variables(service))
        if NPM is None:
            sys.stdout.write("Skipped: the client for TypeScript, since npm is not installed.\n")
        else:
            use_typescript(document, service, NPM)
            readmes.run_typescript(document.parent / "typescript", _variables(service))
            examples.run_node(document.parent / "typescript", _variables(service))
    return 0


def use_python(document: Path, service: Service) -> None:
    """Generate the Python client, and run `python_client.py` with it."""
    folder, programs = document.parent / "python", Path(sys.executable).parent
    folder.mkdir()
    generate: list[str | Path] = ["generate", "--path", document, "--meta", "none", "--output-path", folder / PACKAGE]
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    _run([programs / "openapi-python-client", *generate], folder, environment, quiet=True)
    environment["PYTHONPATH"] = f"{folder}:{ROOT}"
    _run([sys.executable, "-m", "tests.contract.python_client"], ROOT, environment | _variables(service))


def use_typescript(document: Path, service: Service, npm: str) -> None:
    """Generate the types, check `client.ts` against them, and run it."""
    folder = document.parent / "typescript"
    shutil.copytree(HERE / "typescript", folder)
    _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder, dict(os.environ))
    programs, environment = folder / "node_modules" / ".bin", {**os.environ, **_variables(service)}
    # A field with a default need not be sent. openapi-typescript takes it for one that is always there.
    types: list[str | Path] = ["--default-non-nullable=false", document, "-o", "api.d.ts"]
    _run([programs / "openapi-typescript", *types], folder, environment, quiet=True)
    _run([programs / "tsc"], folder, environment)
    _run(["node", "client.js"], folder, environment)


def _variables(service: Service) -> dict[str, str]:
    return {"PRESSROOM_URL": service.url, "PRESSROOM_KEY": KEYS["alice"], "RECEIVER_URL": service.receiver}


def _run(command: list[str | Path], folder: Path, environment: dict[str, str], *, quiet: bool = False) -> None:
    """Run a program; with its output if it fails, or unless `quiet`. Raises: SystemExit if it fails."""
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode or not quiet:
        sys.stdout.write(done.stdout.decode(errors="replace"))
        sys.stdout.flush()
    if done.returncode:
        raise SystemExit(f"{Path(command[0]).name} ended with {done.returncode}")


if __name__ == "__main__":
    sys.exit(main())
