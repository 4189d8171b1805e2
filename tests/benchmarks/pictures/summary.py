"""The tasks of `bin/bench images`, their promises, and the rows that say whether these are kept."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.benchmarks.harness.report import Row

SPACES: Final = {"linear": "linear light", "gamma": "stored numbers"}
"""What the references of the score average, and how that is printed."""
SIDES: Final = (1024, 512, 256, 128)
SCORE_BELOW: Final = 0.5
"""Points of SSIMULACRA2 that ours may be below sharp's."""
BYTES_ABOVE: Final = 1.0
"""Percent that our files may be larger than sharp's."""


@dataclass(frozen=True)
class Task:
    """What is drawn of each picture, and how much of sharp's CPU it may take in the median of them.

    `gain`: how many points it must be above sharp's score, by the reference in linear light; else both references and
    the bytes are bounded.
    """

    name: str
    sides: Sequence[int]
    format: str
    at_most: float
    resize: str = "gamma"
    gain: float | None = None


TASKS: Final = (
    Task("four JPEG", SIDES, "jpeg", 0.6),
    Task("one JPEG", (512,), "jpeg", 0.9),
    Task("four WebP", SIDES, "webp", 0.7),
    Task("four JPEG in linear light", SIDES, "jpeg", 1.0, resize="linear", gain=3.0),
)


@dataclass(frozen=True)
class Cost:
    """What one system took for one task of one picture. Scores are means over the sizes, by reference."""

    cpu_ms: float
    bytes: int
    scores: Mapping[str, float]


def summary(task: Task, costs: Mapping[str, Sequence[Cost]]) -> list[Row]:
    """The rows of one task: sums over the pictures, then the CPU of each."""
    pairs = list(costs.values())
    if any(len(pair) < 2 for pair in pairs):
        return [Row(f"{task.name}: {label}, CPU ms", pair[0].cpu_ms) for label, pair in costs.items()]
    ratio = statistics.median(ours.cpu_ms / theirs.cpu_ms for ours, theirs in pairs)
    more = 100 * (sum(ours.bytes for ours, _ in pairs) / sum(theirs.bytes for _, theirs in pairs) - 1)
    result = [
        Row(f"{task.name}: CPU in sharp's, median of {len(pairs)} pictures", ratio, at_most=task.at_most),
        Row(f"{task.name}: bytes, % above sharp's", more, at_most=BYTES_ABOVE if task.gain is None else None),
    ]
    for space, words in SPACES.items():
        mine, its = (statistics.mean(pair[number].scores[space] for pair in pairs) for number in (0, 1))
        bound = -SCORE_BELOW if task.gain is None else task.gain if space == "linear" else None
        result += [
            Row(f"{task.name}: SSIMULACRA2 by {words}", mine, "sharp", its),
            Row(f"{task.name}: points above sharp's", mine - its, at_least=bound),
        ]
    return result + [
        Row(f"{task.name}: {label}, CPU ms", ours.cpu_ms, "sharp", theirs.cpu_ms, less_is_better=True)
        for label, (ours, theirs) in costs.items()
    ]
