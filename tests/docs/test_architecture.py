"""`docs/architecture.md` walks the four main paths: each step exists and is called where it stands, none is longer."""

import re
from pathlib import Path

import pytest

from tools import paths

PAGE = paths.PAGE.read_text(encoding="utf-8")
NOW = paths.read_lists(PAGE)
BEFORE = paths.read_lists(paths.BEFORE.read_text(encoding="utf-8"))


def test_the_page_walks_the_four_paths_and_what_they_share() -> None:
    assert len(NOW) == len(BEFORE) == len(paths.PATHS)
    for name in paths.PATHS:
        assert len(list(paths.steps(paths.named(name, NOW)))) > 10


@pytest.mark.parametrize("heading", NOW)
def test_every_step_exists_and_is_called_where_it_stands(heading: str) -> None:
    assert paths.faults(NOW[heading]) == []


@pytest.mark.parametrize("name", paths.PATHS)
def test_every_path_is_shorter_than_before_the_move(name: str) -> None:
    (functions, files), (before, files_before) = (paths.size(paths.named(name, lists)) for lists in (NOW, BEFORE))
    assert (functions, files) < (before, files_before)


def test_the_figures_on_the_page_are_those_of_the_lists() -> None:
    assert paths.with_figures(PAGE) == PAGE, "run `.venv/bin/python -m tools.paths`"


CALLS = "def first():\n    second()\n    third()\n\n\ndef second(): ...\n\n\ndef third(): ...\n"


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        (["first", "    second", "    third"], None),
        (["first", "    third", "    second"], "before the step"),
        (["second", "    third"], "does not name"),
        (["first", "    fourth"], "does not exist"),
    ],
)
def test_a_list_that_is_not_true_is_noticed(steps: list[str], fault: str | None, tmp_path: Path) -> None:
    (tmp_path / "calls.py").write_text(CALLS)
    items = [re.sub(r"(\w+)", r"- `calls.py:\1`", step) for step in steps]
    found = paths.faults(paths.read_lists("\n".join(items))[""], tmp_path)
    assert bool(found) is (fault is not None)
    assert fault is None or any(fault in one for one in found)
