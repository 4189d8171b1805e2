"""What is in the wheel: every file of the sources, under one name."""

import subprocess
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from hatch_build import FOLDERS, NAME, SHOWN_TO_PEOPLE, with_long_imports, with_long_names
from tests.test_laws import NAMES
from tests.wheel.conftest import of_an_application
from tools.documents import ROOT

IMPORT_ALL = """
import importlib, pkgutil, sys, pressroom
names = [module.name for module in pkgutil.walk_packages(pressroom.__path__, "pressroom.")]
for name in names:
    importlib.import_module(name)
assert not {"api", "tasks", "worker", "tools"} & sys.modules.keys()
print(len(names))
"""


def source_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *FOLDERS],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_it_has_every_file_of_the_sources_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = {name for name in packed.namelist() if ".dist-info/" not in name}
        wanted = {f"{NAME}/__init__.py", f"{NAME}/py.typed", *(f"{NAME}/{name}" for name in source_files())}
        assert names == wanted
        for name in source_files():
            if Path(name).suffix not in SHOWN_TO_PEOPLE:
                assert packed.read(f"{NAME}/{name}") == (ROOT / name).read_bytes(), name
    assert {".lua", ".ttf", ".html", ".toml", ".css", ".js"} <= {Path(name).suffix for name in names}


def test_it_is_of_this_version_and_has_the_dependencies_of_the_project(wheel: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with zipfile.ZipFile(wheel) as packed:
        [metadata] = [name for name in packed.namelist() if name.endswith(".dist-info/METADATA")]
        found = Parser().parsestr(packed.read(metadata).decode())
    assert (found["Name"], found["Version"]) == (NAME, project["version"])
    assert len(found.get_all("Requires-Dist", [])) == len(project["dependencies"])


def test_every_module_is_imported_under_its_long_name_alone(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(installed / "bin/python"), "-c", IMPORT_ALL],
        cwd=tmp_path,
        env=of_an_application({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(NAMES)


def test_lines_keep_their_numbers_and_imports_their_names() -> None:
    source = (
        'é = 1; from tasks import clock\nif é:\n    import api\nimport tasks.kind as kind\nx = "from tasks import y"\n'
    )
    assert with_long_imports(source).splitlines() == [
        "é = 1; from pressroom.tasks import clock",
        "if é:",
        "    from pressroom import api",
        "import pressroom.tasks.kind as kind",
        'x = "from tasks import y"',
    ]
    assert with_long_imports("import tasksets, os\n") == "import tasksets, os\n"


@pytest.mark.parametrize("source", ["import api.app\n", "import os, api\n"])
def test_an_import_of_another_form_stops_the_build(source: str) -> None:
    with pytest.raises(ValueError, match="line 1: write"):
        with_long_imports(source)


def test_commands_and_modules_in_texts_are_called_as_in_the_wheel() -> None:
    text = "`python -m worker media`, `tasks.kind.Kind`, `arq worker.stock.media`; `worker.started`, `tasks/kind.py`"
    assert with_long_names(text, NAMES) == (
        "`python -m pressroom.worker media`, `pressroom.tasks.kind.Kind`, `arq pressroom.worker.stock.media`; "
        "`worker.started`, `tasks/kind.py`"
    )
