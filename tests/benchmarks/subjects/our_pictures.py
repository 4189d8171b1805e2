"""Our own renderer under measurement: reads a line of JSON for each task and answers with one, as with_sharp does.

A task has `path`, `folder` (for the files), `sides`, `format`, `resize` and `times`; the answer has `cpu_ms` for each
time, of all threads, and `files`. Unlike the rival's, ours includes reading the header, checking it and writing files.
"""

import json
import resource
import sys

from tasks.thumbnail.imaging import render
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


def main() -> None:
    for line in sys.stdin:
        task = json.loads(line)
        options = {name: task[name] for name in ("format", "resize")}
        boxes = [{"name": str(side), "width": side, "height": side, **options} for side in task["sides"]]
        variants = [variant.model_dump() for variant in variants_of(boxes)]
        before = cpu_ms()
        for _ in range(task["times"]):
            drawn = render(task["path"], task["folder"], variants, LIMITS, report=report)["files"]
        used = cpu_ms() - before
        sys.stdout.write(json.dumps({"cpu_ms": used / task["times"], "files": [one["path"] for one in drawn]}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
