"""What the README prints is true: its commands are run."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.demo import ROOT
from tests.pictures import encoded, scene

BLOCKS = re.findall(r"<!-- run: photo\.jpg -->\n```sh\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)


def test_there_are_commands_to_run() -> None:
    assert len(BLOCKS) == 2


@pytest.mark.parametrize("block", BLOCKS)
def test_the_commands_do_what_the_text_says(block: str, address: str, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(encoded(scene(800, 600), "jpeg"))
    assert "http://localhost:8000" in block
    script = block.replace("http://localhost:8000", address)
    done = subprocess.run(["bash", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    if "files/small.jpg" in block:
        assert (tmp_path / "small.jpg").read_bytes()[:2] == b"\xff\xd8"
        assert json.loads(done.stdout)["state"] == "succeeded"
    else:
        assert done.stdout.count('"kind":"thumbnail"') == 2


def test_the_demo_shows_the_whole_path_and_checks_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.demo", "--once"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "succeeded" in done.stdout
    assert "curl -si -F file=@" in done.stdout
    for name in ("small", "medium", "large", "square"):
        assert (tmp_path / "demo-output" / f"sample-{name}.jpg").stat().st_size > 1000


def test_the_demo_says_which_photo_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.demo", "--once", "nowhere.jpg"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2
    assert "nowhere.jpg" in done.stderr
