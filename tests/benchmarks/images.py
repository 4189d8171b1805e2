"""`bin/bench images [--photos DIR] [--part PART]`: pictures beside sharp. Each part is a module under pictures/ with
`rows(photos)` and `VERSIONS`."""

from pathlib import Path

from tests.benchmarks.harness.report import Report
from tests.benchmarks.pictures import end_to_end, fairness, rendering
from tests.benchmarks.queue import ours

PARTS = {"rendering": rendering, "end_to_end": end_to_end, "fairness": fairness}


def run(photos: Path | None = None, part: str | None = None) -> Report:
    """Measure every part, or one of them.

    Args:
        photos: A folder of pictures that are measured besides those that are made.
        part: A key of PARTS.
    """
    parts = [PARTS[part]] if part else list(PARTS.values())
    us = ours()
    versions = {us.name: us.version}
    for one in parts:
        versions |= one.VERSIONS
    return Report("images", [row for one in parts for row in one.rows(photos)], versions)
