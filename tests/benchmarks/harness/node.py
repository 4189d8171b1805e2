"""Rivals that run in Node.js, each with its packages in a folder of its own under .bench/."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.harness.rival import SCRIPTS
from tests.benchmarks.harness.system import ROOT

NPM, NODE = shutil.which("npm"), shutil.which("node")


def install(name: str) -> Path | None:
    """Copy a rival's folder, and install its packages from its lock unless they are there.

    Args:
        name: The folder under tests/rivals/.

    Returns:
        The folder to run it in, or None where there is no Node.js, which is printed.
    """
    if NPM is None or NODE is None:
        sys.stderr.write(f"Skipped: {name}, since Node.js is not installed.\n")
        return None
    folder = ROOT / ".bench" / name
    stamp = folder / "node_modules" / "lock.stamp"
    shutil.copytree(SCRIPTS / name, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    lock = (folder / "package-lock.json").read_text(encoding="utf-8")
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != lock:
        quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run([NPM, "ci", "--ignore-scripts", *quiet], cwd=folder, check=True, stdout=sys.stderr)
        stamp.write_text(lock, encoding="utf-8")
    return folder


def versions(name: str) -> dict[str, str]:
    """Return the packages that a rival names, and their versions.

    Args:
        name: The folder under tests/rivals/.
    """
    package = json.loads((SCRIPTS / name / "package.json").read_text(encoding="utf-8"))
    found: dict[str, str] = package["dependencies"]
    return found
