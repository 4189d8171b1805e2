"""Results of bulk jobs."""

from collections.abc import Mapping
from typing import Any


def outcomes(result: Mapping[str, Any] | None) -> dict[str, int]:
    """What matched and what became of it, once the other numbers of a complete result agree with that."""
    assert result is not None
    counts = {name: count for name, count in result.items() if name not in ("examined", "changed", "complete")}
    changed = sum(counts.values()) - counts["matched"] - counts.get("skipped", 0)
    assert (result["complete"], result["changed"]) == (True, changed)
    assert result["examined"] >= counts["matched"]
    return counts
