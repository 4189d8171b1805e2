"""The wheel, built once for a run of the tests, and an environment of its own that has it installed."""

import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tools.documents import ROOT
from tools.servers import start_process

INSTALL_S = 120

Start = Callable[..., "subprocess.Popen[bytes]"]


def of_an_application(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that knows nothing of the checkout."""
    left_out = ("PYTHONPATH", "VIRTUAL_ENV", "REDIS_URL", "COV_", "COVERAGE_", "PYTHON_COVERAGE")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)} | {**variables}


def _install(folder: Path) -> None:
    """Build the wheel into `folder/dist`, and make `folder/env`, whose dependencies are those of this environment."""
    _run("bin/build", "-d", str(folder / "dist"))
    _run(sys.executable, "-m", "venv", "--without-pip", str(folder / "env"))
    [packages] = (folder / "env").glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    uv = shutil.which("uv", path=os.pathsep.join((sysconfig.get_path("scripts"), os.environ["PATH"])))
    assert uv is not None, "bin/setup installs uv where there is none"
    [wheel] = (folder / "dist").glob("*.whl")
    options = ("--offline", "--no-deps", "--compile-bytecode", "--python", str(folder / "env/bin/python"))
    _run(uv, "pip", "install", *options, str(wheel))


def _run(*command: str) -> None:
    done = subprocess.run(
        command, cwd=ROOT, env=of_an_application({}), capture_output=True, text=True, timeout=INSTALL_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the environment; `dist/*.whl` is beside it. Processes that share a run share it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    folder = tmp_path_factory.getbasetemp().parent / f"wheel-{run}" if run else tmp_path_factory.mktemp("wheel")
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            _install(folder)
            (folder / "done").touch()
    return folder / "env"


@pytest.fixture(scope="session")
def wheel(installed: Path) -> Path:
    """The file."""
    [wheel] = installed.with_name("dist").glob("*.whl")
    return wheel


@pytest.fixture
def start(installed: Path) -> Iterator[Start]:
    """Starts `python -m <command>` in the environment, in a folder; killed after the test."""
    with ExitStack() as stack:

        def started(folder: Path, *command: str, **variables: str) -> "subprocess.Popen[bytes]":
            lines = stack.enter_context((folder / "log").open("ab"))
            process = start_process(
                [str(installed / "bin/python"), "-m", *command],
                cwd=folder,
                env=of_an_application(variables),
                stderr=lines,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield started
