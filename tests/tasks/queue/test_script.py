"""Each Lua script names the parts whose functions it uses, and is sent to Redis with no others."""

import re

import pytest

from tasks.queue.script import CONSTANT, CONSTANTS, FOLDER, needs_of, parts_of, read, seldom_of, source

FILES = sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.lua"))
PARTS = [name.removeprefix("parts/") for name in FILES if name.startswith("parts/")]
SCRIPTS = [name for name in FILES if not name.startswith("parts/")]
NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")


def code(text: str) -> str:
    """Without comments, and with nothing in its strings."""
    return re.sub(r"'(?:[^'\\]|\\.)*'", "''", re.sub(r"--.*", "", text))


def defined(text: str) -> set[str]:
    """The names that a part defines for those who need it."""
    found = re.findall(r"^local (?:function )?([\w, ]+)", code(text), re.MULTILINE)
    return {name.strip() for names in found for name in names.split(",")}


HOME = {name: part for part in PARTS for name in defined(read(f"parts/{part}"))}


def used(text: str, own: str | None = None) -> list[str]:
    """The parts whose names occur in a text."""
    return sorted({HOME[name] for name in NAME.findall(code(text)) if name in HOME} - {own, "arguments"})


@pytest.mark.parametrize("name", FILES)
def test_a_script_names_the_parts_that_it_uses_and_no_others(name: str) -> None:
    text = read(name)
    own = name.removeprefix("parts/") if name.startswith("parts/") else None
    assert sorted([*needs_of(text), *seldom_of(text)]) == used(text, own)


def test_no_two_parts_define_the_same_name() -> None:
    assert len(HOME) == sum(len(defined(read(f"parts/{part}"))) for part in PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_comes_after_those_that_it_needs(part: str) -> None:
    order = parts_of(f"-- needs: {part}\n")
    assert order[-1] == part
    for place, name in enumerate(order):
        assert set(needs_of(read(f"parts/{name}"))) <= set(order[:place])


def test_every_part_is_needed_by_some_script() -> None:
    named = {part for name in SCRIPTS for part in (*parts_of(read(name)), *seldom_of(read(name)))}
    assert {part for one in named for part in parts_of(f"-- needs: {one}\n")} == set(PARTS)


def test_a_small_script_carries_little() -> None:
    assert parts_of(read("run/renew")) == ["arguments"]
    assert len(source("run/renew")) < 2_500
    assert len(source("run/progress")) < 2_600


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_carries_each_function_that_it_uses_and_no_other(name: str) -> None:
    text = code(source(name))
    made = re.findall(r"^local function (\w+)", text.partition("local function load_seldom")[0], re.MULTILINE)
    calls = set(NAME.findall(re.sub(r"function \w+", "", text)))
    assert set(made) <= calls
    assert {one for one in calls & HOME.keys() if re.search(rf"(?<![\w.:]){one}\(", text)} <= set(
        re.findall(r"function (\w+)", text)
    ) | {one for one in HOME if f"local {one} =" in text}


def test_what_a_script_seldom_uses_is_made_when_it_says_so() -> None:
    always, later = source("run/claim").split("local function load_seldom()\n")
    assert "local is_loaded, close_cancelled," in always
    assert "function reopen(id)" not in always
    assert "\nfunction reopen(id)" in later
    assert "load_seldom" not in source("verbs/reopen")


def test_every_constant_is_used_by_some_script() -> None:
    assert {name for file in FILES for name in CONSTANT.findall(code(read(file)))} == CONSTANTS.keys()
