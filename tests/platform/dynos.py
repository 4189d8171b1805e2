"""Dynos: each a folder of its own with the slug, a process, and all that this process has started."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.platform.slug import PYTHON, Slug
from tools.servers import free_port, start_process

KILL_AFTER_S = 30.0
BOOT_S = 60.0
"""Seconds within which a platform wants a web process to listen."""


@dataclass(slots=True)
class Dyno:
    """A running dyno. name: as DYNO has it, `web.1`. port: where a web process listens. signalled: processes that got
    SIGTERM."""

    name: str
    folder: Path
    port: int
    process: "subprocess.Popen[bytes]"
    killed: bool = False
    signalled: int = 0
    stop_s: float = 0.0
    boot_s: float = 0.0
    peak_mb: float = 0.0
    _seen: dict[int, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return self.name.partition(".")[0]

    def processes(self) -> list[int]:
        """The processes of the dyno: those of its session, and the descendants of its first process."""
        table = _process_table()
        found = {self.process.pid} & table.keys()
        grown = True
        while grown:
            more = {
                pid for pid, (parent, session, _) in table.items() if parent in found or session == self.process.pid
            }
            grown = not more <= found
            found |= more
        self._seen |= {pid: table[pid][2] for pid in found}
        return sorted(found)

    def measure(self) -> None:
        """Note how much memory all of its processes take now, if that is more than ever (PSS)."""
        self.peak_mb = max(self.peak_mb, sum(map(_pss_mb, self.processes())))

    def wait_until_listening(self) -> None:
        began = time.monotonic()
        while time.monotonic() < began + BOOT_S:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}: {self.last_lines()}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                self.boot_s = time.monotonic() - began
                return
            time.sleep(0.05)
        raise TimeoutError(f"{self.name} does not listen after {BOOT_S:g} s: {self.last_lines()}")

    def stop(self) -> None:
        """SIGTERM to every process, twice, as platforms do; after KILL_AFTER_S SIGKILL to what still runs."""
        began = time.monotonic()
        for _ in range(2):
            self.signalled = max(self.signalled, len(found := self.processes()))
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            time.sleep(0.2)
        while time.monotonic() < began + KILL_AFTER_S:
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        else:
            self.killed = True
        self.stop_s = time.monotonic() - began
        if self.killed:
            self.kill_rest()

    def kill_rest(self) -> list[int]:
        """Kill what the dyno has left running; returns what that was."""
        table = _process_table()
        left = [pid for pid, started in self._seen.items() if pid in table and table[pid][2] == started]
        left = [pid for pid in left if pid != self.process.pid or self.process.poll() is None]
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return left

    def left_files(self) -> list[str]:
        """What lies in its folder for temporary files."""
        return sorted(str(path.relative_to(self.folder)) for path in (self.folder / "tmp").rglob("*"))

    def last_lines(self) -> str:
        return self._log()[-2000:]

    def error_lines(self) -> list[str]:
        return [line for line in self._log().splitlines() if '"level":"error"' in line or "Traceback" in line]

    def _log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")


def start_dyno(slug: Slug, name: str, folder: Path, environment: Mapping[str, str]) -> Dyno:
    """Start one: the line of the Procfile, in a copy of the slug, with nothing but the slug on PATH.

    Args:
        slug: What it runs.
        name: `web.1`.
        folder: Its own, which does not exist yet.
        environment: The configuration.
    """
    # Hard links: nothing writes into a slug.
    shutil.copytree(slug.folder, folder, copy_function=os.link, symlinks=True)
    (folder / "tmp").mkdir()
    lines = (folder / "Procfile").read_text(encoding="utf-8").splitlines()
    commands = dict(line.split(": ", 1) for line in lines)
    port = free_port()
    variables = {
        **environment,
        "PATH": str(folder / PYTHON / "bin"),
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "true",
        "DYNO": name,
        "PORT": str(port),
    }
    with (folder / "log").open("wb") as log:
        command = ["/bin/sh", "-c", f"exec {commands[name.partition('.')[0]]}"]
        process = start_process(command, cwd=folder, env=variables, stdout=log, stderr=log)
    return Dyno(name, folder, port, process)


def _process_table() -> dict[int, tuple[int, int, str]]:
    """Parent, session and time of the start of every process that is no zombie, by its id."""
    table = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if fields[0] not in {"Z", "X"}:
                table[int(entry.name)] = (int(fields[1]), int(fields[3]), fields[19])
    return table


def _pss_mb(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
