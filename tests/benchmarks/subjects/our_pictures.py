"""Our own renderer under measurement: reads a line of JSON for each task and answers with one, as with_sharp does.

A task has `path`, `folder` (for the files), `sides`, `format`, `resize` and `times`; the answer has `cpu_ms` for each
time, of all threads, and `files`. Unlike the rival's, ours includes reading the header, checking it and writing files.
What it takes to summarise the picture (hashes and palette), which the rival does not, is in `summary_ms` instead.
"""

import json
import resource
import sys
from collections.abc import Callable
from typing import Any

from tasks.thumbnail import drawing
from tasks.thumbnail.imaging import render
from tasks.thumbnail.summary.summarising import summarised
from tasks.thumbnail.variants import variants_of

LIMITS = {
    "max_pixels": 100_000_000,
    "max_side_px": 30_000,
    "max_frames": 1_000,
    "max_jpeg_scans": 100,
    "max_scan_pixels": 2_000_000_000,
    "max_output_pixels": 100_000_000,
    "max_memory_mb": 1_280,
}


def cpu_ms() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return 1000 * (used.ru_utime + used.ru_stime)


def report(done: int, total: int, note: str = "") -> None:
    """The sandbox's pipe, at which nobody listens here."""


class TimedSummary:
    """`summarised`, and the CPU that it took so far."""

    def __init__(self, summarise: Callable[..., Any]) -> None:
        self._summarise = summarise
        self.used_ms = 0.0

    def __call__(self, *arguments: Any) -> Any:
        before = cpu_ms()
        summary = self._summarise(*arguments)
        self.used_ms += cpu_ms() - before
        return summary


def main() -> None:
    summary = TimedSummary(summarised)
    vars(drawing)["summarised"] = summary
    for line in sys.stdin:
        task = json.loads(line)
        options = {name: task[name] for name in ("format", "resize")}
        boxes = [{"name": str(side), "width": side, "height": side, **options} for side in task["sides"]]
        variants = [variant.model_dump() for variant in variants_of(boxes)]
        before, summary.used_ms = cpu_ms(), 0.0
        for _ in range(task["times"]):
            drawn = render(task["path"], task["folder"], variants, LIMITS, report=report)["files"]
        used = cpu_ms() - before - summary.used_ms
        answer = {"cpu_ms": used / task["times"], "summary_ms": summary.used_ms / task["times"]}
        sys.stdout.write(json.dumps(answer | {"files": [one["path"] for one in drawn]}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
