"""The steps of a workflow, and which of them need which others."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from tasks.refusal import Refusal


def in_order(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Order steps so that each comes after those that it needs; else as they were named.

    Args:
        needs: By the name of each step, the names of those that it needs.

    Raises:
        Refusal: `invalid_request` if steps need each other in a circle.
    """
    places = {name: place for place, name in enumerate(needs)}
    sorter = TopologicalSorter(needs)
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        message = f"steps: Steps need each other in a circle, {circle}. Remove one of these needs."
        raise Refusal("invalid_request", message, field="steps") from error
    ordered: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=places.__getitem__)
        ordered += ready
        sorter.done(*ready)
    return ordered
