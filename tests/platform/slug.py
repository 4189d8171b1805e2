"""Builds what a platform would run, as the classic Python buildpack does."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.documents import ROOT

MIB = 1024 * 1024
PYTHON = Path(".heroku") / "python"
"""Where the buildpack puts Python and the packages."""


@dataclass(frozen=True, slots=True)
class Slug:
    """A built application.

    folder: Its sources, with the packages in PYTHON.
    packed_mb: Megabytes of it as an archive, without Python itself, which the buildpack adds.
    """

    folder: Path
    packed_mb: float


def build(folder: Path) -> Slug:
    """Build HEAD: its files but for those of .slugignore, then the packages of the lock, into an empty folder."""
    folder.mkdir()
    archive = subprocess.Popen(["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE)
    subprocess.run(["tar", "--extract", "--directory", folder], stdin=archive.stdout, check=True)
    if archive.wait() != 0:
        raise RuntimeError("git archive failed")
    _leave_out(folder)
    uv = Path(sys.executable).with_name("uv")
    python = Path(sys.base_prefix) / "bin" / "python3"
    options = ["--locked", "--no-default-groups", "--compile-bytecode", "--no-python-downloads", "--quiet"]
    variables = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "UV_PYTHON"}}
    subprocess.run(
        [uv if uv.exists() else "uv", "sync", *options, "--python", python],
        cwd=folder,
        env={"UV_SYSTEM_CERTS": "1", **variables, "UV_PROJECT_ENVIRONMENT": str(folder / PYTHON)},
        check=True,
    )
    return Slug(folder, _packed_bytes(folder) / MIB)


def _leave_out(folder: Path) -> None:
    for line in (folder / ".slugignore").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            for path in folder.glob(line.strip("/")):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _packed_bytes(folder: Path) -> int:
    packing = subprocess.Popen(
        ["tar", "--create", "--gzip", "--directory", folder, "."],
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
    )
    assert packing.stdout is not None
    size = 0
    while chunk := packing.stdout.read(MIB):
        size += len(chunk)
    if packing.wait() != 0:
        raise RuntimeError("tar failed")
    return size
