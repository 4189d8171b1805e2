"""`bin/arq-suite FOLDER`: ARQ's own tests with ARQ's worker and with Pressroom's, side by side."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from tools.arq_suite.plugin import PORT, WORKER
from tools.servers import Valkey

TOP: Final = Path(__file__).parents[2]
TABLE: Final = TOP / "docs" / "arq-suite.md"
VERSION: Final = "0.28.0"
"""Of ARQ, whose tests the table names."""
NEEDS: Final = (
    "pytest==8.4.2",
    "pytest-asyncio==0.23.6",
    "pytest-mock==3.15.1",
    "pytest-timeout==2.4.0",
    "dirty-equals==0.11",
    "pytz==2025.2",
)
"""What the tests import, of the versions that ARQ has locked."""
IGNORED: Final = ("ResourceWarning", "pytest.PytestUnraisableExceptionWarning", "DeprecationWarning")
"""Warnings that newer versions of redis-py and Python give for ARQ's own code and tests, which make them errors."""
TRIES: Final = 3
"""A test that fails runs again, alone: some measure tenths of a second, which a busy machine does not keep."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both and compare them. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="bin/arq-suite", description=__doc__)
    parser.add_argument("folder", type=Path, help=f"an unpacked source distribution of arq {VERSION}")
    suite: Path = parser.parse_args(arguments).folder.resolve()
    if not (suite / "tests" / "conftest.py").is_file():
        parser.error(f"{suite} has no tests/conftest.py: it is no source distribution of ARQ")
    found = re.search(r"^Version: (.+)$", (suite / "PKG-INFO").read_text(), re.MULTILINE)
    if found is None or found[1] != VERSION:
        parser.error(f"{suite} is not that of arq {VERSION}, whose tests {TABLE.name} names")
    with tempfile.TemporaryDirectory() as folder, Valkey() as valkey:
        python = environment(Path(folder))
        stock = results(python, suite, valkey, "arq")
        ours = results(python, suite, valkey, "pressroom")
    lines, bad = compared(stock, ours, known(TABLE.read_text(encoding="utf-8")))
    print("\n".join(lines))  # noqa: T201 - what the command is for
    return 1 if bad else 0


def environment(folder: Path) -> Path:
    """Make an environment with what the tests need, beside what is installed here. Returns its Python."""
    uv = str(TOP / ".venv" / "bin" / "uv")
    subprocess.run([uv, "--quiet", "venv", "--python", sys.executable, str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([uv, "--quiet", "pip", "install", "--python", str(python), *NEEDS], check=True)
    site = next((folder / "venv" / "lib").glob("python*/site-packages"))
    here = [path for path in sys.path if path.endswith("site-packages")]
    (site / "pressroom-checkout.pth").write_text("\n".join([*here, str(TOP)]) + "\n")
    return python


def results(python: Path, suite: Path, valkey: Valkey, worker: str) -> dict[str, str]:
    """Run the tests with a worker.

    Args:
        python: Of the environment.
        suite: The folder of ARQ.
        valkey: An empty server.
        worker: `arq` or `pressroom`.

    Returns:
        By test `passed`, `skipped`, or the first line of what it failed with.
    """
    found = _run(python, suite, valkey, worker, [])
    for _ in range(TRIES - 1):
        failed = [name for name, result in found.items() if result not in {"passed", "skipped"}]
        if failed:
            found |= _run(python, suite, valkey, worker, failed)
    return found


def _run(python: Path, suite: Path, valkey: Valkey, worker: str, tests: Sequence[str]) -> dict[str, str]:
    port = str(valkey.url.rpartition(":")[2].partition("/")[0])
    own = {"DEV": "1", "STORAGE_URL": "memory://", PORT: port, WORKER: worker}
    environ = {name: value for name, value in os.environ.items() if name != "REDIS_URL"} | own
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        warnings = [option for name in IGNORED for option in ("-W", f"ignore::{name}")]
        command = [
            str(python),
            "-m",
            "pytest",
            "-p",
            "tools.arq_suite.plugin",
            "-q",
            f"--junitxml={report.name}",
            *warnings,
        ]
        command += ["-p", "no:cacheprovider", *tests]
        subprocess.run(command, cwd=suite, env=environ, stdout=subprocess.DEVNULL, check=False)
        return dict(_read(Path(report.name)))


def _read(report: Path) -> Iterable[tuple[str, str]]:
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - our own pytest has written it
        if not case.get("classname", "").startswith("tests."):
            continue  # what pytest says of itself
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        bad = case.find("failure") if case.find("failure") is not None else case.find("error")
        if bad is not None:
            yield name, (bad.get("message") or "failed").splitlines()[0][:100]
        else:
            yield name, "passed" if case.find("skipped") is None else "skipped"


def known(page: str) -> dict[str, str]:
    """The tests that a page names in a table, with the reason of each."""
    return dict(re.findall(r"^\| `(tests/[^`]+)` \| (.+?) \|$", page, re.MULTILINE))


def compared(
    stock: Mapping[str, str], ours: Mapping[str, str], reasons: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Compare two runs.

    Args:
        stock: Of ARQ's own worker, by test.
        ours: Of Pressroom's.
        reasons: Why a test may fail with Pressroom's, by test.

    Returns:
        What to print, and the tests that fail without a reason.
    """

    def count(found: Mapping[str, str]) -> str:
        values = list(found.values())
        failed = len(values) - values.count("passed") - values.count("skipped")
        return f"{values.count('passed')} passed, {failed} failed, {values.count('skipped')} skipped"

    failing = [name for name, result in stock.items() if result == "passed" and ours.get(name) != "passed"]
    bad = [name for name in failing if name not in reasons]
    lines = [f"arq        {count(stock)}", f"pressroom  {count(ours)}", ""]
    lines += [f"{name}: {reasons.get(name, 'NOT NAMED in ' + TABLE.name)}: {ours.get(name)}" for name in failing]
    gone = [name for name in reasons if name not in stock]
    lines += [f"{name}: named in {TABLE.name}, and no such test ran" for name in gone]
    return lines, [*bad, *gone]


if __name__ == "__main__":
    sys.exit(main())
