"""`bin/release VERSION`: checks, audits, packs and tags a release."""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Final

from api.app import create_app
from tasks.outbound.client import VERSION

TOP: Final = Path(__file__).parents[1]
UV: Final = (str(TOP / ".venv/bin/uv"), "--quiet")
LEFT_OUT: Final = (".ci", ".github", "clients", "docs", "examples", "tests", "tools")
"""What running the service does not need, as .slugignore says for a platform."""


def release(version: str, *, audited: bool) -> Path:
    """Make the files of a release in `build/release-VERSION`, and tag the commit.

    Args:
        version: Such as 1.2.0.
        audited: Whether known faults of the locked packages are looked up. Needs the network.

    Returns:
        The folder.

    Raises:
        ValueError: The checkout is not ready; the message says why.
        subprocess.CalledProcessError: A program has found something, and has printed it.
    """
    check_ready(version)
    _run(*UV, "lock", "--check")
    if audited:
        _run(*UV, "audit", "--locked", "--no-default-groups")
    folder = TOP / "build" / f"release-{version}"
    folder.mkdir(parents=True)
    name = f"pressroom-{version}"
    left_out = [f":(exclude){path}" for path in LEFT_OUT]
    _run("git", "archive", f"--prefix={name}/", f"--output={folder / name}.tar.gz", "HEAD", ".", *left_out)
    _run(*UV, "build", "--wheel", "--out-dir", str(folder))
    bill = folder / f"{name}.cdx.json"
    _run(*UV, "export", "--locked", "--no-default-groups", "--format", "cyclonedx1.5", "--output-file", str(bill))
    _pack_clients(folder)
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(folder.iterdir())]
    (folder / "SHA256SUMS").write_text("".join(sums))
    _run("git", "tag", "--annotate", f"v{version}", "--message", f"Pressroom {version}")
    return folder


def _pack_clients(folder: Path) -> None:
    """Write the packages of the clients, which have versions of their own, into a folder."""
    _run(*UV, "build", "clients/python", "--out-dir", str(folder))
    (folder / ".gitignore").unlink(missing_ok=True)  # uv writes one
    with tempfile.TemporaryDirectory() as name:
        package = Path(name) / "typescript"
        shutil.copytree(TOP / "clients/typescript", package, ignore=shutil.ignore_patterns("node_modules", "dist"))
        (package / "openapi.json").write_text(json.dumps(create_app().openapi()), encoding="utf-8")
        for command in ("install", "run types", "run build", f"pack --pack-destination {folder}"):
            _run("npm", "--silent", "--prefix", str(package), *command.split(maxsplit=2), cwd=package)


def check_ready(version: str) -> None:
    """Check that everything in the checkout is of this version.

    Raises:
        ValueError: It is not; the message says why.
    """
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["version"]
    if {project, VERSION} != {version}:
        raise ValueError(f"pyproject.toml has version {project}, tasks/outbound/client.py {VERSION}, not {version}.")
    changes = (TOP / "CHANGELOG.md").read_text(encoding="utf-8")
    first = re.search(r"^## (\S+)", changes, re.MULTILINE)
    if first is None or first[1] != version:
        raise ValueError(f"CHANGELOG.md does not begin with the part `## {version}`. Rename `## Unreleased`.")
    if _output("git", "status", "--porcelain"):
        raise ValueError("There are changes that are not committed. Commit them, or put them aside.")
    if shutil.which("npm") is None:
        raise ValueError("npm is not installed, which packs the client for TypeScript. Install Node.js 18 or newer.")
    if _output("git", "tag", "--list", f"v{version}"):
        raise ValueError(f"The tag v{version} exists. Choose the next version.")


def _run(*command: str, cwd: Path = TOP) -> None:
    subprocess.run(command, cwd=cwd, check=True)


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=TOP, check=True, capture_output=True, text=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(prog="bin/release", description=__doc__)
    parser.add_argument("version")
    parser.add_argument(
        "--no-audit",
        action="store_true",
        help="do not look up known faults of the locked packages, where the database cannot be reached",
    )
    args = parser.parse_args()
    try:
        folder = release(args.version, audited=not args.no_audit)
    except ValueError as error:
        sys.exit(f"bin/release: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"bin/release: `{' '.join(error.cmd)}` ended with status {error.returncode}.")
    sys.stdout.write(f"{folder}: push the tag with `git push origin v{args.version}`.\n")


if __name__ == "__main__":
    main()
