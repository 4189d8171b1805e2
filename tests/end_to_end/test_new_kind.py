"""What docs/new-kind.md says is done to a copy of this checkout, and its tests are run there."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.servers import Valkey
from tools.documents import ROOT

PAGE = (ROOT / "docs" / "new-kind.md").read_text()
BLOCK = r"\n```python\n(.*?)```"
FILES = dict(re.findall(r"<!-- file: (\S+) -->" + BLOCK, PAGE, flags=re.DOTALL))
IMPORTS = re.findall("<!-- catalogue -->" + BLOCK, PAGE, flags=re.DOTALL)
SETTINGS = re.findall("<!-- settings -->" + BLOCK, PAGE, flags=re.DOTALL)
CHANGED = ("tasks/catalogue.py", "tasks/settings.py", "api/app.py")


def after(path: Path, *places: tuple[str, str]) -> None:
    """Add text to a file, each behind the one place where its line begins."""
    text = path.read_text()
    for place, addition in places:
        assert text.count(place) == 1, f"{path.name} has {place!r} {text.count(place)} times"
        text = text.replace(place, place + addition)
    path.write_text(text)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Our own modules as they are, but for those that the page changes."""
    for package in ("api", "tasks"):
        (tmp_path / package).mkdir()
        for entry in (ROOT / package).iterdir():
            if f"{package}/{entry.name}" not in CHANGED and entry.name != "__pycache__":
                (tmp_path / package / entry.name).symlink_to(entry)
    for name in ("worker", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in CHANGED:
        (tmp_path / name).write_text((ROOT / name).read_text())
    return tmp_path


def do_as_the_page_says(copy: Path) -> None:
    for name, text in FILES.items():
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_text(text)
    kinds = "".join(f"{line.split()[-1]}, " for line in IMPORTS)
    after(
        copy / "tasks/catalogue.py",
        ("from typing import Any\n", "\n".join(["", *IMPORTS])),
        ("for kind in (", kinds),
    )
    fields = textwrap.indent("\n".join(SETTINGS), "    ")
    after(copy / "tasks/settings.py", ("    # Jobs\n", fields))
    after(
        copy / "api/app.py",
        ("from fastapi import FastAPI\n\n", "from api import avatar_colours\n"),
        ("in (\n        images,\n", "        avatar_colours,\n"),
    )


def test_the_page_has_what_it_speaks_of() -> None:
    assert len(IMPORTS) == 2
    assert len(SETTINGS) == 1
    assert [name for name in FILES if name.startswith("tests/")] == [
        "tests/test_avatar_colour.py",
        "tests/test_word_count.py",
        "tests/test_retries.py",
    ]


def test_its_kinds_run_and_pass_its_tests(copy: Path, valkey: Valkey) -> None:
    do_as_the_page_says(copy)
    environment = {**os.environ, "PYTHONPATH": str(copy), "TEST_REDIS_URL": valkey.url}
    done = subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "tests"],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b8 passed\b", done.stdout)


def test_its_code_is_written_as_ours_is(copy: Path) -> None:
    do_as_the_page_says(copy)
    for verb in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *verb, "--no-cache", *FILES]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout
