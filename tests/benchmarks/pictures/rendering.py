"""What drawing costs and how good it is, beside sharp: CPU, bytes and SSIMULACRA2 of each task and picture."""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.benchmarks.harness import node
from tests.benchmarks.harness.report import Row
from tests.benchmarks.harness.system import ROOT
from tests.benchmarks.pictures.photos import pictures
from tests.benchmarks.pictures.scores import Original
from tests.benchmarks.pictures.summary import SPACES, TASKS, Cost, Task, summary
from worker.sandbox.launcher import environment

VERSIONS: Final = node.versions("with_sharp")
ROUNDS: Final = 3
ROUND_MS: Final = 120
"""CPU that a round takes at least, so that a clock of some milliseconds does not matter."""


class Subject:
    """A process that draws what it is given."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self._process = process
        self._folder = folder

    def draw(self, picture: Path, task: Task, times: int) -> tuple[float, list[Path]]:
        """Draw a picture several times. Returns the CPU of one time in milliseconds, and the files."""
        about = {"sides": task.sides, "format": task.format, "resize": task.resize}
        order = {"path": str(picture), "folder": str(self._folder), "times": times, **about}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer["cpu_ms"], [Path(file) for file in answer["files"]]


@contextmanager
def running(
    command: Sequence[str], cwd: Path, folder: Path, variables: dict[str, str] | None = None
) -> Iterator[Subject]:
    """Run a subject, which writes its files into `folder`, with this environment instead of ours."""
    folder.mkdir()
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=cwd, env=variables, **pipes) as process:
        yield Subject(process, folder)
        assert process.stdin
        process.stdin.close()


def rows(more: Path | None) -> list[Row]:
    """Measure.

    Args:
        more: A folder of further pictures, or None.
    """
    found: dict[Task, dict[str, list[Cost]]] = {task: {} for task in TASKS}
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        ours = [sys.executable, "-m", "tests.benchmarks.subjects.our_pictures"]
        subjects = [stack.enter_context(running(ours, ROOT, folder / "ours", environment()))]
        sharp = node.install("with_sharp")
        if sharp and node.NODE:
            subjects.append(stack.enter_context(running([node.NODE, "render.js"], sharp, folder / "sharp")))
        for label, path in pictures(folder, more):
            references = folder / f"of {path.name}"
            references.mkdir()
            original = Original(path, references)
            for task in TASKS:
                found[task][label] = costs = measure(subjects, path, task, original)
                sys.stderr.write(f"{label}, {task.name}: {'; '.join(map(described, costs))}\n")
    return [row for task, costs in found.items() for row in summary(task, costs)]


def measure(subjects: Sequence[Subject], picture: Path, task: Task, original: Original) -> list[Cost]:
    """Let the subjects draw in turns; the median of the rounds counts."""
    firsts = [subject.draw(picture, task, 1) for subject in subjects]
    times = [max(1, round(ROUND_MS / max(cpu_ms, 1))) for cpu_ms, _ in firsts]
    rounds = [
        [subject.draw(picture, task, count)[0] for subject, count in zip(subjects, times, strict=True)]
        for _ in range(ROUNDS)
    ]
    return [
        Cost(
            statistics.median(each[number] for each in rounds),
            sum(file.stat().st_size for file in files),
            {space: statistics.mean(original.score(file, space) for file in files) for space in SPACES},
        )
        for number, (_, files) in enumerate(firsts)
    ]


def described(cost: Cost) -> str:
    scores = ", ".join(f"{score:.1f}" for score in cost.scores.values())
    return f"{cost.cpu_ms:.1f} ms, {cost.bytes:,} bytes, {scores}"
