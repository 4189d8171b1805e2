"""`docs/architecture.md` walks the four main paths: each step exists and is called where it stands, none is longer."""

import re
from pathlib import Path

import pytest

from tools import paths
from tools.documents import ROOT

NAMES = ("image", "report", "event", "schedule")
PAGE = paths.PAGE.read_text(encoding="utf-8")
NOW = paths.read_lists(PAGE)
BEFORE = paths.read_lists((ROOT / "docs" / "decisions" / "0020-layout.md").read_text(encoding="utf-8"))


def the(name: str, lists: dict[str, list[paths.Step]]) -> list[paths.Step]:
    """The list whose heading names a path."""
    [found] = (steps for heading, steps in lists.items() if re.search(rf"\b{name}\b", heading.lower()))
    return found


def test_the_page_walks_the_four_paths_and_what_they_share() -> None:
    assert len(NOW) == len(BEFORE) == len(NAMES) + 1
    for name in (*NAMES, "worker"):
        assert len(list(paths.steps(the(name, NOW)))) > 10


@pytest.mark.parametrize("heading", NOW)
def test_every_step_exists_and_is_called_where_it_stands(heading: str) -> None:
    assert paths.faults(NOW[heading]) == []


@pytest.mark.parametrize("name", NAMES)
def test_no_path_has_as_many_steps_as_before_the_move(name: str) -> None:
    assert paths.size(the(name, NOW))[0] < paths.size(the(name, BEFORE))[0]


def test_the_figures_on_the_page_are_those_of_the_lists() -> None:
    for name in (*NAMES, "worker"):
        before, now = paths.size(the(name, BEFORE)), paths.size(the(name, NOW))
        row = f"| {name} | {before[0]} functions in {before[1]} files | {now[0]} in {now[1]} |"
        assert row in PAGE, f"the table lacks {row}"


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
