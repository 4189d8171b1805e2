"""The result of an image job as answers and webhooks have it: what can be computed is not stored."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tasks.picture_result.markup import markup_of
from tasks.picture_result.record import unfolded

KIND: Final = "thumbnail"


def shown_result(
    kind: str,
    result: Mapping[str, Any] | None,
    files: Sequence[Mapping[str, Any]],
    url_of: Callable[[Mapping[str, Any]], str],
    *,
    with_markup: bool = True,
) -> dict[str, Any] | None:
    """Return the result of a job as it is shown; of any other kind than images as it is.

    Args:
        kind: The job's kind.
        result: What its record has.
        files: Its output files, as its record has them.
        url_of: Returns the URL of a file.
        with_markup: Whether to write the markup of its files.
    """
    if result is None or kind != KIND or "picture" not in result:
        return None if result is None else dict(result)
    shown = {name: value for name, value in result.items() if name != "looks"}
    shown["picture"] = unfolded(result["picture"])
    if with_markup:
        shown["markup"] = markup_of(files, url_of, result.get("looks", {}))
    return shown
