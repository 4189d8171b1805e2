"""What the README prints is true: its commands are run."""

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.test_reports import text_of
from tests.support.pictures import encoded, scene
from tools.demo.demo import ROOT

README = (ROOT / "README.md").read_text()
OF_PHOTO, OF_TABLE = (
    re.findall(rf"<!-- run: {name} -->\n```sh\n(.*?)```", README, flags=re.DOTALL)
    for name in (r"photo\.jpg", r"sales\.csv")
)
TABLE = "day,shop,amount\n2026-11-01,Leeds,1950.00\n2026-11-02,York,4.70\n2026-11-03,Leeds,50.30\n"


(OF_WEBHOOKS,) = re.findall(r"<!-- run -->\n```sh\n(.*?)```", README, flags=re.DOTALL)


def test_there_are_commands_to_run() -> None:
    assert (len(OF_PHOTO), len(OF_TABLE)) == (3, 2)


@pytest.mark.parametrize("block", OF_PHOTO)
def test_the_commands_do_what_the_text_says(block: str, address: str, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(encoded(scene(800, 600), "jpeg"))
    assert "http://localhost:8000" in block
    script = block.replace("http://localhost:8000", address)
    done = subprocess.run(["bash", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    if "/cancellation" in block:
        assert '"state":"cancelled"' in done.stdout
        assert "event: end" in done.stdout
    elif "files/small.jpg" in block:
        assert (tmp_path / "small.jpg").read_bytes()[:2] == b"\xff\xd8"
        assert json.loads(done.stdout)["state"] == "succeeded"
    else:
        assert done.stdout.count('"kind":"thumbnail"') == 2


@pytest.mark.parametrize("block", OF_TABLE)
def test_the_commands_for_reports_do_too(block: str, address: str, tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text(TABLE)
    script = block.replace("http://localhost:8000", address)
    done = subprocess.run(["bash", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    [pdf] = tmp_path.glob("*.pdf")
    text = text_of(pdf.read_bytes())
    for part in ("Sales", "Leeds", "£1,950.00"):
        assert part in text
    if "xlsx" in block:
        assert "£2,005.00" in text
        assert (tmp_path / "report.xlsx").read_bytes()[:2] == b"PK"
        assert '"rows": 3' in done.stdout
        assert '"state":"succeeded"' in done.stdout


def test_the_commands_for_webhooks_do_as_well(address: str, tmp_path: Path) -> None:
    script = OF_WEBHOOKS.replace("http://localhost:8000", address)
    done = subprocess.run(["bash", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    endpoint = json.loads((tmp_path / "endpoint.json").read_text())
    assert endpoint["secret"].startswith("whsec_")
    assert '"kind":"event"' in done.stdout
    assert httpx.delete(f"{address}/v1/endpoints/{endpoint['id']}").status_code == 204


def test_the_demo_shows_the_whole_path_and_checks_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.demo.demo", "--once"]
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
    assert done.stdout.count("its signature verified") == 2
    assert "verified, answered 503" in done.stdout
    assert "verified, answered 204" in done.stdout
    assert "succeeded with 2 attempts" in done.stdout
    assert re.search(r"progress +[\d,]+ of 1,\d+ pages", done.stdout), "live"
    assert re.search(r"cancelled while it is made: gone after \d+ ms", done.stdout)
    assert len(re.findall(r"\d+ files examined, 0 deleted, 0 bytes", done.stdout)) == 2
    for name in ("report.pdf", "report.xlsx", "preview.png"):
        assert name in done.stdout
        assert (tmp_path / "demo-output" / name).stat().st_size > 1000


def test_the_demo_says_which_photo_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.demo.demo", "--once", "nowhere.jpg"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2
    assert "nowhere.jpg" in done.stderr
