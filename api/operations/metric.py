"""A metric with its samples, and the counts that metrics are made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Counts = Mapping[tuple[str, ...], int]
"""What was counted since the beginning, in Redis: words (what, kind, …) → number."""
Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Metric:
    """A metric and its samples: suffix of the name, labels, value."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    help: str
    samples: list[tuple[str, Labels, float]] = field(default_factory=list)

    def add(self, value: float, *, suffix: str = "", **labels: str) -> None:
        self.samples.append((suffix, tuple(labels.items()), value))
