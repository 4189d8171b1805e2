"""What `bin/bench images` makes of the costs: promises are about the median, the mean score and all bytes."""

from tests.benchmarks.pictures.summary import Cost, Task, summary

TASK = Task("four", (64,), "jpeg", 0.6)


def costs(*ours_ms: float, size: int = 100, score: float = 50) -> dict[str, list[Cost]]:
    theirs = Cost(10, 100, {"linear": 50, "gamma": 50})
    mine = {"linear": score, "gamma": score}
    return {f"picture {number}": [Cost(cpu_ms, size, mine), theirs] for number, cpu_ms in enumerate(ours_ms)}


def met(task: Task, found: dict[str, list[Cost]]) -> list[bool]:
    return [row.met for row in summary(task, found) if row.met is not None]


def test_the_median_of_the_pictures_counts() -> None:
    assert met(TASK, costs(1, 6, 20)) == [True] * 4
    assert met(TASK, costs(1, 6.1, 6.1)) == [False, True, True, True]


def test_bytes_and_both_scores_are_bounded() -> None:
    assert met(TASK, costs(1, size=102)) == [True, False, True, True]
    assert met(TASK, costs(1, score=49.4)) == [True, True, False, False]


def test_a_task_in_linear_light_is_judged_by_that_reference() -> None:
    linear = Task("linear", (64,), "jpeg", 1.0, gain=3)
    assert met(linear, costs(10, size=200, score=53)) == [True, True]
    assert met(linear, costs(10, score=52.9)) == [True, False]


def test_without_a_rival_nothing_is_promised() -> None:
    alone = {label: pair[:1] for label, pair in costs(1, 2).items()}
    assert [(row.ours, row.met) for row in summary(TASK, alone)] == [(1, None), (2, None)]
