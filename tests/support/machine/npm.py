"""npm packages for tests: those of a lock file, in a folder of the test. Without npm the test is skipped."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

NPM_SECONDS = 30
# What npm calls a registry that nobody reaches, or that lets nobody in.
OUT_OF_REACH = re.compile(
    r"code (E(?:NOTFOUND|AI_AGAIN|CONN\w+|TIMEDOUT|NETUNREACH|HOSTUNREACH|40[137]|5\d\d)|ERR_SOCKET\w+)"
)


def path_of(program: str, use: str) -> str:
    """Where a program is; the test is skipped without it. use: what it is for."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed; {use}")
    return path


def install(packages: Path, folder: Path, use: str) -> None:
    """Install the packages of a lock file, and nothing else of ours.

    Args:
        packages: The folder with package.json and its lock.
        folder: Where to.
        use: What they are for.
    """
    npm = path_of("npm", use)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(packages / name, folder)
    environment = dict(os.environ)
    if not os.access(Path.home(), os.W_OK):
        environment |= {"HOME": str(folder), "npm_config_cache": str(folder / "cache")}
    quiet = ["--no-audit", "--no-fund", "--no-update-notifier"]
    command = [npm, "ci", "--ignore-scripts", "--prefer-offline", "--fetch-retries=0", *quiet]
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=NPM_SECONDS)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm's registry has not answered for {NPM_SECONDS} s")
    if trouble := OUT_OF_REACH.search(done.stderr):
        pytest.skip(f"npm's registry is out of reach ({trouble[1]})")
    assert done.returncode == 0, done.stderr
