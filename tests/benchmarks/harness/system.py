"""A queue system under measurement, ours or another: processes that fill, work and send, told apart from outside."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tools.servers import start_process

ROOT = Path(__file__).resolve().parents[3]
DRAIN_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 10.0
WARM_UP_JOBS = 5


@dataclass(frozen=True)
class System:
    """One system. Its command takes `fill N`, `work` and `send N`; rivals/stopwatch.py says what each does.

    name: as it stands in the table. jobs: how many no-ops make a drain of a few seconds.
    """

    name: str
    jobs: int
    command: Sequence[str]
    version: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def drain(self, url: str, count: int) -> float:
        """No-op jobs per second of one worker process, first job to last, with `count` waiting when it starts."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "drained"
            self._run(url, file, "fill", str(count))
            with self._worker(url, file, count) as worker:
                drained = next(self._lines(file, 1, worker))
        return drained["jobs"] / drained["seconds"]

    def pickup(self, url: str, count: int) -> list[float]:
        """Seconds from before the enqueue call to the job's start, for `count` jobs sent one at a time when idle."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "arrived"
            with self._worker(url, file, 0) as worker:
                self._run(url, file, "send", str(WARM_UP_JOBS))
                list(self._lines(file, WARM_UP_JOBS, worker))
                self._run(url, file, "send", str(count))
                lines = list(self._lines(file, WARM_UP_JOBS + count, worker))
        return [line["seconds"] for line in lines[WARM_UP_JOBS:]]

    def _environment(self, url: str, file: Path, count: int) -> dict[str, str]:
        ours = {"REDIS_URL": url, "BENCH_FILE": str(file), "BENCH_COUNT": str(count), "LOG_LEVEL": "warning"}
        return {**os.environ, **self.environment, **ours}

    def _run(self, url: str, file: Path, *arguments: str) -> None:
        subprocess.run([*self.command, *arguments], env=self._environment(url, file, 0), cwd=ROOT, check=True)

    @contextmanager
    def _worker(self, url: str, file: Path, count: int) -> Iterator["subprocess.Popen[bytes]"]:
        """One worker process, with whatever children it makes; all are gone afterwards."""
        environment = self._environment(url, file, count)
        with tempfile.TemporaryFile() as output:
            command = [*self.command, "work"]
            worker = start_process(command, env=environment, cwd=ROOT, stdout=output, stderr=output)
            try:
                yield worker
            except Exception:
                output.seek(0)
                sys.stderr.write(output.read()[-4000:].decode(errors="replace"))
                raise
            finally:
                with suppress(ProcessLookupError):  # it has ended by itself
                    os.killpg(worker.pid, signal.SIGKILL)
                worker.wait(STOP_TIMEOUT_S)

    def _lines(self, file: Path, count: int, worker: "subprocess.Popen[bytes]") -> Iterator[dict[str, float]]:
        """The first `count` lines that jobs wrote, as soon as they are all there."""
        deadline = time.monotonic() + DRAIN_TIMEOUT_S
        while True:
            lines = file.read_text().splitlines() if file.exists() else []
            if len(lines) >= count:
                return iter([json.loads(line) for line in lines[:count]])
            if worker.poll() is not None:
                raise RuntimeError(f"{self.name}: the worker ended with {worker.returncode}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name}: {len(lines)} of {count} after {DRAIN_TIMEOUT_S:g} s")
            time.sleep(0.02)
