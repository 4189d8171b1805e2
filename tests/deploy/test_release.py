"""`bin/release`, in a clone of this checkout."""

import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from tasks.outbound.client import VERSION
from tools.documents import ROOT

pytestmark = pytest.mark.recipes


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone in which `uv` is the one of this checkout."""
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    for name, value in (("user.name", "Release"), ("user.email", "release@example.com")):
        subprocess.run(["git", "config", name, value], cwd=folder, check=True)
    return folder


def released(clone: Path, version: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tools.release", version, "--no-audit"]
    return subprocess.run(command, cwd=clone, capture_output=True, text=True, timeout=300)


def test_it_says_what_is_not_ready(clone: Path) -> None:
    assert "pyproject.toml has version" in released(clone, "99.0.0").stderr
    assert f"CHANGELOG.md does not begin with the part `## {VERSION}`" in released(clone, VERSION).stderr


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_it_packs_what_a_platform_needs_and_tags_the_commit(clone: Path) -> None:
    changes = clone / "CHANGELOG.md"
    changes.write_text(changes.read_text().replace("## Unreleased", f"## {VERSION}"))
    assert "not committed" in released(clone, VERSION).stderr
    subprocess.run(["git", "commit", "-qam", "docs: the release"], cwd=clone, check=True)
    done = released(clone, VERSION)
    assert done.returncode == 0, done.stderr
    folder = clone / "build" / f"release-{VERSION}"
    with tarfile.open(folder / f"pressroom-{VERSION}.tar.gz") as packed:
        names = {name.split("/")[1] for name in packed.getnames() if "/" in name}
    assert names >= {"api", "tasks", "worker", "Procfile", "uv.lock"}
    assert not names & {"tests", "docs", "tools"}
    parts = json.loads((folder / f"pressroom-{VERSION}.cdx.json").read_text())["components"]
    assert {"fastapi", "arq", "pillow"} <= {part["name"] for part in parts}
    clients = {re.sub(r"-\d+\.\d+\.\d+", "", file.name) for file in folder.iterdir() if "client" in file.name}
    assert clients == {"pressroom_client-py3-none-any.whl", "pressroom_client.tar.gz", "pressroom-client.tgz"}
    with tarfile.open(next(folder.glob("*.tgz"))) as packed:
        assert {"package/dist/index.js", "package/dist/index.d.ts"} <= set(packed.getnames())
    with zipfile.ZipFile(next(folder.glob("pressroom_client-*.whl"))) as wheel:
        assert any(name.endswith("/connection.py") for name in wheel.namelist())
    with zipfile.ZipFile(folder / f"pressroom-{VERSION}-py3-none-any.whl") as wheel:
        assert "pressroom/worker/__main__.py" in wheel.namelist()
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, _, name = line.partition("  ")
        assert sha256((folder / name).read_bytes()).hexdigest() == digest
    tags = subprocess.run(["git", "tag"], cwd=clone, capture_output=True, text=True, check=True).stdout.split()
    assert tags == [f"v{VERSION}"]
    assert "exists" in released(clone, VERSION).stderr
