"""What the README and the pages for users print is true: their commands are run, on the Procfile's processes."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.test_reports import text_of
from tests.support.pictures import encoded, scene
from tests.support.thumbnail.animations import GifPart, gif_of
from tools.documents import ROOT
from tools.servers import ending_with_us

PAGES = ("README.md", "docs/images.md", "docs/uploads.md", "docs/jobs.md", "docs/reports.md", "docs/webhooks.md")
BLOCK = re.compile(r"<!-- run(?:: (\S+))? -->\n```sh\n(.*?)```", re.DOTALL)
README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLE = "day,shop,amount\n2026-11-01,Leeds,1950.00\n2026-11-02,York,4.70\n2026-11-03,Leeds,50.30\n"


def blocks(wanted: str) -> list[Any]:
    """The commands of all pages that need this file; with "" those that need none."""
    found = [(page, BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))) for page in PAGES]
    return [pytest.param(block, id=page) for page, all_of in found for name, block in all_of if name == wanted]


def run(block: str, address: str, folder: Path) -> str:
    """Run a page's commands in a folder. Returns what they print."""
    assert "http://localhost:8000" in block
    script = block.replace("http://localhost:8000", address)
    done = subprocess.run(["bash", "-eu", "-c", script], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_shell_block_of_a_page_is_run() -> None:
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        assert len(BLOCK.findall(text)) == text.count("```sh") > 0, page


@pytest.mark.parametrize("block", blocks("photo.jpg"))
def test_the_commands_for_pictures_do_what_the_text_says(block: str, address: str, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(encoded(scene(800, 600), "jpeg"))
    printed = run(block, address, tmp_path)
    if "/cancellation" in block:
        assert '"state":"cancelled"' in printed
        assert "event: end" in printed
    elif "files/small.jpg" in block:
        assert (tmp_path / "small.jpg").read_bytes()[:2] == b"\xff\xd8"
        assert json.loads(printed)["state"] == "succeeded"
    elif "/v1/uploads" in block:
        assert ('"kind":"thumbnail"' if "/v1/images" in block else '"name":"photo.jpg"') in printed
    elif "tag=" in block:
        assert printed.count('"tags":["user:42","avatar"]') >= 2, "in the answer and in the list"
        assert '"dry_run":true' in printed
    else:
        silent = block.count("$(curl") + block.count("> job.json")
        assert printed.count('"kind":"thumbnail"') == block.count("curl ") - silent
        if "?exif" in block:
            assert '"thumbhash":"' in printed
            assert '"markup":[{"variants":["large","medium","small"]' in printed


@pytest.mark.parametrize("block", blocks("animation.gif"))
def test_the_commands_for_animations_do_what_the_text_says(block: str, address: str, tmp_path: Path) -> None:
    parts = [GifPart(colour, (0, 0, 32, 32)) for colour in range(3)]
    (tmp_path / "animation.gif").write_bytes(gif_of((32, 32), *parts, repeats=0))
    files = json.loads(run(block, address, tmp_path))["files"]
    assert [file["type"] for file in files] == ["image/webp", "image/jpeg"]
    assert files[0]["about"] == {"width": 32, "height": 32, "frames": 3, "duration_ms": 150, "loops": 0}


@pytest.mark.parametrize("block", blocks("sales.csv"))
def test_the_commands_for_reports_do_too(block: str, address: str, tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text(TABLE)
    printed = run(block, address, tmp_path)
    [pdf] = tmp_path.glob("*.pdf")
    text = text_of(pdf.read_bytes())
    for part in ("Sales", "Leeds", "£1,950.00"):
        assert part in text
    if "xlsx" in block:
        assert "£2,005.00" in text
        assert (tmp_path / "report.xlsx").read_bytes()[:2] == b"PK"
        assert '"rows": 3' in printed
        assert '"state":"succeeded"' in printed


@pytest.mark.parametrize("block", [block for block in blocks("") if "dry_run" in block.values[0]])
def test_the_commands_for_many_jobs_count_them_and_expect_as_many(block: str, address: str, tmp_path: Path) -> None:
    answer = json.loads(run(block, address, tmp_path))
    counted = json.loads((tmp_path / "counted.json").read_text())
    assert (counted["kind"], counted["params"]["dry_run"]) == ("bulk", True)
    result = counted["result"]
    assert (result["matched"], result["changed"], result["complete"]) == (0, 0, True)
    assert (answer["kind"], answer["params"]["expect"]) == ("bulk", 0)


@pytest.mark.parametrize("block", [block for block in blocks("") if "/v1/changes" in block.values[0]])
def test_the_command_that_follows_changes_prints_them(block: str, address: str, tmp_path: Path) -> None:
    printed = run(block, address, tmp_path)
    assert "event: ready" in printed
    assert '"name":"media","paused":false' in printed


@pytest.mark.parametrize("block", [block for block in blocks("") if "/v1/portal-links" in block.values[0]])
def test_the_command_for_a_portal_prints_its_link(block: str, address: str, tmp_path: Path) -> None:
    [url] = re.findall(r'"url":"([^"]*/portal/links/[^"]*)"', run(block, address, tmp_path))
    assert httpx.get(url).status_code == 200


OTHERS = ("dry_run", "/v1/changes", "/v1/portal-links")


@pytest.mark.parametrize("block", [one for one in blocks("") if not any(word in one.values[0] for word in OTHERS)])
def test_the_commands_for_webhooks_do_as_well(block: str, address: str, tmp_path: Path) -> None:
    printed = run(block, address, tmp_path)
    assert '"kind":"event"' in printed
    [endpoint] = httpx.get(f"{address}/v1/endpoints").json()["endpoints"]
    assert httpx.delete(f"{address}/v1/endpoints/{endpoint['id']}").status_code == 204


def test_the_record_in_the_readme_is_one_that_the_service_answers(address: str) -> None:
    [shown] = re.findall(r"<!-- record -->\n```json\n(.*?)```", README, flags=re.DOTALL)
    photo = {"file": ("photo.jpg", encoded(scene(3000, 2000), "jpeg"))}
    submitted = httpx.post(f"{address}/v1/images", files=photo, timeout=30)
    record = httpx.get(f"{address}{submitted.headers['Location']}", params={"wait": 20}, timeout=30).json()
    varies = {"id", "created_at", "finished_at", "expires_at", "bytes", "url", "thumbhash"}
    assert_it_has(record, json.loads(shown), varies)


def assert_it_has(value: Any, shown: Any, varies: set[str]) -> None:
    """Every member that is shown is there, with the value shown; those in `varies` with a value of its type."""
    if isinstance(shown, dict):
        for name, part in shown.items():
            if name in varies:
                assert type(value[name]) is type(part), name
            else:
                assert_it_has(value[name], part, varies)
    elif isinstance(shown, list):
        for one, part in zip(value, shown, strict=False):
            assert_it_has(one, part, varies)
    else:
        assert value == shown


def test_a_clone_has_the_two_commands(tmp_path: Path) -> None:
    [block] = (block for name, block in BLOCK.findall(README) if name == "clone")
    clone, *commands = (line.partition("  #")[0].strip() for line in block.splitlines())
    script = (
        clone.replace("URL-OF-THIS-REPOSITORY", str(ROOT))
        + " && "
        + " && ".join(f"test -x {command.split()[0]}" for command in commands)
    )
    done = subprocess.run(["bash", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert commands == ["bin/demo --once", "bin/test"]


def test_the_demo_shows_the_whole_path_and_checks_it(tmp_path: Path) -> None:
    command = ending_with_us([sys.executable, "-m", "tools.demo.demo", "--once"])
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
    assert "http://127.0.0.1" not in done.stdout, "the server is gone by the time one could use its address"
    for photo in ("photo", "phone"):
        for name in ("small", "medium", "large", "square"):
            assert (tmp_path / "demo-output" / f"{photo}-{name}.jpg").stat().st_size > 1000
    for seen in ("image/heic, 1200 × 800", "image/png, 600 × 180, transparent", "image/gif, 320 × 214, 24 frames"):
        assert seen in done.stdout
    assert "Example Phone 7" in done.stdout
    assert done.stdout.count("its signature verified") == 6
    assert "album.done, its signature verified" in done.stdout
    assert "verified, answered 503" in done.stdout
    assert "verified, answered 204" in done.stdout
    assert "succeeded with 2 attempts" in done.stdout
    assert re.search(r"progress +[\d,]+ of 1,\d+ pages", done.stdout), "live"
    assert re.search(r"cancelled while it was made: ended after \d+ ms", done.stdout)
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
