"""The sandbox's way in: jobs come as a file, for they are larger than what may cross to a child."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.report import render

MAX_WARNINGS = 100
"""Warnings that a record keeps; the rest are counted."""


def make(job: str, folder: str, *, report: Callable[..., None]) -> dict[str, Any]:
    """Make the files of the job that the JSON file `job` describes, in `folder` (see `render.render`)."""
    return _with_few_warnings(render.render(json.loads(Path(job).read_bytes()), folder, report=report))


def look(job: str, folder: str, *, report: Callable[..., None]) -> dict[str, Any]:
    """What would come of it (see `render.preflight`)."""
    return _with_few_warnings(render.preflight(json.loads(Path(job).read_bytes()), folder, report=report))


def _with_few_warnings(answer: dict[str, Any]) -> dict[str, Any]:
    warnings = answer["warnings"]
    more = Counter(warning["code"] for warning in warnings[MAX_WARNINGS:])
    rest = [{"code": code, "message": f"And {count} more of these."} for code, count in more.items()]
    return {**answer, "warnings": [*warnings[:MAX_WARNINGS], *rest]}
