"""Kinds that other packages bring: by the setting KINDS, and by an entry point."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.catalogue import KINDS, load_kinds
from tasks.settings import Settings

MODULE = """
from pydantic import BaseModel
from tasks.kind import JobContext, Kind, Result

class Params(BaseModel):
    pass

async def run(job: JobContext[Params]) -> Result:
    return Result()

ONE = Kind("one", "default", Params, run)
TWO = Kind("two", "media", Params, run)
BOTH = (ONE, TWO)
OTHER_ONE = Kind("one", "default", Params, run)
THUMBNAIL = Kind("thumbnail", "default", Params, run)
BATCH = Kind("batch", "default", Params, run)
COLON = Kind("one:two", "default", Params, run)
QUEUE = Kind("three", "fast", Params, run)
PRELOAD = Kind("four", "default", Params, run, preload=("json", "no_such_package.counting"))
"""
NAMES = iter(f"own_kinds_{number}" for number in range(1_000))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module that can be imported and has kinds."""
    name = next(NAMES)
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


def settings(kinds: str = "") -> Settings:
    return Settings(_env_file=None, kinds=kinds)


def install(folder: Path, value: str) -> None:
    """A distribution with one entry point, as an installer leaves it."""
    info = folder / "own_kinds-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-kinds\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[pressroom.kinds]\nown = {value}\n")


def test_without_others_there_are_those_of_the_service() -> None:
    assert load_kinds(settings()) == KINDS


@pytest.mark.parametrize("said", ["{0}:BOTH", "{0}:ONE, {0}:TWO", "{0}:BOTH,{0}:ONE"])
def test_the_setting_adds_kinds(package: str, said: str) -> None:
    kinds = load_kinds(settings(said.format(package)))
    assert [*kinds] == [*KINDS, "one", "two"]
    assert kinds["two"].queue == "media"


def test_an_installed_package_adds_kinds_by_an_entry_point(package: str, tmp_path: Path) -> None:
    install(tmp_path, f"{package}:BOTH")
    assert [*load_kinds(settings())] == [*KINDS, "one", "two"]
    assert [*load_kinds(settings(f"{package}:ONE"))] == [*KINDS, "one", "two"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("{0}:ONE,{0}:OTHER_ONE", "KINDS: {0}:OTHER_ONE and KINDS: {0}:ONE both have a kind that is called 'one'"),
        ("{0}:THUMBNAIL", "KINDS: {0}:THUMBNAIL and this service both have a kind that is called 'thumbnail'"),
        ("{0}:BATCH", "has a kind that is called 'batch'"),
        ("{0}:COLON", "has a kind that is called 'one:two'"),
        ("{0}:QUEUE", "the kind 'three' names the queue 'fast'; there are media, reports, webhooks, default"),
        ("{0}:PRELOAD", "the kind 'four' preloads 'no_such_package.counting', a module that does not exist"),
        ("{0}:Params", "KINDS: {0}:Params is neither a Kind nor a list of Kinds"),
        ("{0}:MISSING", "KINDS: {0}:MISSING cannot be imported: AttributeError: .*has no attribute 'MISSING'"),
        ("no_such_package:ONE", "cannot be imported: ModuleNotFoundError: No module named 'no_such_package'"),
        ("{0}", "KINDS: {0} is not of the form package.module:NAME"),
    ],
)
def test_what_cannot_be_used_is_named(package: str, said: str, why: str) -> None:
    with pytest.raises(ValueError, match=why.format(package)):
        load_kinds(settings(said.format(package)))


def test_an_entry_point_that_cannot_be_imported_is_named(package: str, tmp_path: Path) -> None:
    install(tmp_path, f"{package}:MISSING")
    with pytest.raises(ValueError, match=f"entry point own = '{package}:MISSING' in 'pressroom.kinds' cannot be imp"):
        load_kinds(settings())
