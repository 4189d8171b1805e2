"""What docs/new-kind.md says is done to a fresh checkout; its kinds run there, in the processes of the Procfile."""

import json
import os
import re
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tools.documents import ROOT
from tools.servers import Valkey, free_port, start_process, wait_for_port

PAGE = (ROOT / "docs" / "new-kind.md").read_text()
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", PAGE, flags=re.DOTALL))
KEY = "alice-key-0123456789"
SETUP_S = 240
"""Seconds that an environment may take where the packages are not in uv's cache."""
ANSWER_S = 30
OTHER_KIND = """
from avatar_kinds import AvatarColourParams, find_colour
from tasks.kind import Kind

BACKGROUND = Kind("background-colour", "media", AvatarColourParams, find_colour, submittable=True)
THUMBNAIL = Kind("thumbnail", "media", AvatarColourParams, find_colour)
"""
"""A module that is installed without an entry point."""


def block(marker: str) -> str:
    """The one block of code that follows a marker in the page."""
    [text] = re.findall(rf"<!-- {marker} -->\n```\w+\n(.*?)```", PAGE, flags=re.DOTALL)
    return str(text)


def after(path: Path, place: str, addition: str) -> None:
    """Add text to a file, behind the one place where it begins."""
    text = path.read_text()
    assert text.count(place) == 1, f"{path.name} has {place!r} {text.count(place)} times"
    path.write_text(text.replace(place, place + addition))


def run(checkout: Path, command: str, **environment: str) -> str:
    """What a command prints that must succeed, in the checkout's environment."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "COV_"))}
    path = f"{checkout / '.venv/bin'}:{variables['PATH']}"
    done = subprocess.run(
        ["sh", "-e", "-c", command],
        cwd=checkout,
        env={**variables, "PATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=SETUP_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh copy of what git has, in which all was done that the page says."""
    checkout = tmp_path_factory.mktemp("new-kind") / "pressroom"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, checkout / name)
    for package in ("api", "tasks", "worker"):  # what is compiled already, so that its processes need not compile it
        for compiled in (ROOT / package).rglob("__pycache__"):
            shutil.copytree(compiled, checkout / compiled.relative_to(ROOT), dirs_exist_ok=True)
    for name, text in FILES.items():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(text)
    line = block("catalogue")
    after(checkout / "tasks/catalogue.py", "from typing import Any\n", f"\n{line}")
    after(checkout / "tasks/catalogue.py", "for kind in (", f"{line.split()[-1]}, ")
    after(checkout / "tasks/settings/jobs.py", "    # Jobs\n", textwrap.indent(block("settings"), "    "))
    run(checkout, block("run"))
    [packages] = (checkout / ".venv/lib").glob("python3*/site-packages")
    (packages / "other_kinds.py").write_text(OTHER_KIND)
    return checkout


@contextmanager
def processes(checkout: Path, **environment: str) -> Iterator[tuple[str, Path]]:
    """The lines of the Procfile; the service's URL, and the folder of their logs."""
    port, logs = free_port(), checkout.parent
    with ExitStack() as stack, Valkey() as valkey:
        variables = {
            "PATH": f"{checkout / '.venv/bin'}:{os.environ['PATH']}",
            "HOME": os.environ.get("HOME", str(checkout)),
            "PORT": str(port),
            "DEV": "1",
            "REDIS_URL": valkey.url,
            "API_KEYS": f"alice:{KEY}",
            "STORAGE_URL": f"file://{checkout.parent / 'storage'}",
            "OUTBOUND_NETWORKS": "127.0.0.0/8",
            **environment,
        }
        for line in (checkout / "Procfile").read_text().splitlines():
            name, _, command = line.partition(": ")
            told = stack.enter_context((logs / f"{name}.log").open("wb"))
            process = start_process(
                ["sh", "-c", f"exec {command}"], cwd=checkout, env=variables, stderr=told, stdout=told
            )
            stack.callback(process.wait, 40)
            stack.callback(process.terminate)
            if name == "web":
                wait_for_port(port, process)
        yield f"http://127.0.0.1:{port}", logs


def ended(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/jobs/{job['id']}?wait=20").json()
    assert found["state"] == "succeeded", found
    return found


def test_its_kinds_run_in_the_processes_of_the_procfile(checkout: Path) -> None:
    with (
        processes(checkout, KINDS="other_kinds:BACKGROUND") as (url, _),
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, timeout=ANSWER_S) as client,
    ):
        first, again = (json.loads(run(checkout, block("submit"), PRESSROOM=url, KEY=KEY)) for _ in range(2))
        assert (first["state"], first["priority"]) == ("scheduled", "high")
        assert again["id"] == first["id"]
        assert ended(client, first)["result"] == {"colour": "hsl(215 60% 45%)"}

        other = client.post("/v1/jobs", json={"kind": "background-colour", "params": {"name": "Ada"}}).json()
        assert ended(client, other)["result"] == {"colour": "hsl(215 60% 45%)"}

        upload = client.post("/v1/uploads", content=b"To be, or not to be").json()
        counting = client.post("/v1/jobs", json={"kind": "word-count", "params": {"upload": upload["id"]}}).json()
        [file] = ended(client, counting)["files"]
        assert client.get(file["url"]).text.splitlines()[:2] == ["word,times", "to,2"]


@pytest.mark.parametrize(
    ("process", "kinds", "told"),
    [
        ("web", "other_kinds:THUMBNAIL", "KINDS: other_kinds:THUMBNAIL and this service both have a kind"),
        ("worker", "no_such_package:KINDS", "KINDS: no_such_package:KINDS cannot be imported: ModuleNotFoundError"),
    ],
)
def test_a_kind_that_cannot_be_used_stops_the_start(
    checkout: Path, process: str, kinds: str, told: str, tmp_path: Path
) -> None:
    """Each message by one of the processes: tests/tasks/test_catalogue.py has them all, and both read kinds with it."""
    variables = {**os.environ, "KINDS": kinds, "PORT": str(free_port()), "STORAGE_URL": f"file://{tmp_path}"}
    variables["PATH"] = f"{checkout / '.venv/bin'}:{os.environ['PATH']}"
    [line] = re.findall(rf"^{process}: (.+)$", (checkout / "Procfile").read_text(), flags=re.MULTILINE)
    done = subprocess.run(
        ["sh", "-c", line], cwd=checkout, env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode not in (0, None)
    assert told in done.stderr, done.stderr


def test_its_own_tests_pass(checkout: Path, valkey: Valkey) -> None:
    run(checkout, "bin/setup dev")
    own = " ".join(name for name in FILES if name.startswith("tests/"))
    # A folder of their own: the checkout's tests/conftest.py is ours.
    run(checkout, f"mkdir -p ../own && cp {own} ../own/")
    told = run(
        checkout,
        f"python -B -m pytest -q -p no:cacheprovider -n 0 -c pyproject.toml --rootdir ../own {checkout.parent / 'own'}",
        TEST_REDIS_URL=valkey.url,
    )
    assert re.search(r"\b10 passed\b", told), told


def test_its_code_is_written_as_ours_is(checkout: Path) -> None:
    run(checkout, "bin/setup dev")
    names = " ".join(name for name in FILES if name.endswith(".py"))
    run(checkout, f"ruff check --no-cache --config pyproject.toml {names}")
    run(checkout, f"ruff format --check --no-cache --config pyproject.toml {names}")
