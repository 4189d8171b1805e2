"""Which files are readable: packages, not what is beside them."""

import sys
from pathlib import Path

import pytest

from worker.sandbox.isolation.paths import listed_folders, readable_paths


def covered(path: Path) -> bool:
    return any(path == Path(one) or path.is_relative_to(one) for one in readable_paths())


def test_of_a_project_its_packages_alone_also_inside_the_interpreters_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "usr" / "src" / "app"
    package, storage = project / "package", project / "storage"
    for folder in (package, storage):
        folder.mkdir(parents=True)
    for file in (package / "__init__.py", project / "module.py", project / ".env", storage / "blob"):
        file.touch()
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / "usr"))
    monkeypatch.syspath_prepend(str(project))
    assert str(project) in listed_folders()
    assert covered(package / "deep" / "data")
    assert covered(project / "module.py")
    assert not covered(project / ".env")
    assert not covered(storage / "blob")


def test_of_installed_packages_everything_wherever_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "home" / "site-packages"
    (installed / "libraries.libs").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(installed))
    assert covered(installed / "libraries.libs" / "lib.so")
    assert not covered(tmp_path / "home")


def test_no_path_is_inside_another_one() -> None:
    paths = readable_paths()
    assert [(one, other) for one in paths for other in paths if one != other and Path(one).is_relative_to(other)] == []
