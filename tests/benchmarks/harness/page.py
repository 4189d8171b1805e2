"""docs/benchmarks.md: each bench's table stands between its markers, put there by `bin/bench NAME --page`."""

import re

from tests.benchmarks.harness.report import Report
from tests.benchmarks.harness.system import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"


def with_table(page: str, report: Report) -> str:
    """`page` with this bench's table made anew. Raises ValueError when the place for it is missing."""
    begin, end = f"<!-- {report.bench} -->", f"<!-- /{report.bench} -->"
    parts = re.split(f"{begin}.*?{end}", page, flags=re.DOTALL)
    if len(parts) != 2:
        raise ValueError(f"{PAGE.name} needs {begin} … {end} exactly once")
    return f"{parts[0]}{begin}\n{report.table()}\n{end}{parts[1]}"


def write(report: Report) -> None:
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), report), encoding="utf-8")
