"""Which variants of a job show the same, apart from size, format and what is cut off: they may share a `srcset`."""

from collections.abc import Sequence
from typing import Any, Final

from tasks.thumbnail.variants import Variant

_NOT_SEEN: Final = frozenset(
    (
        *("name", "width", "height", "enlarge", "dpr", "resize"),
        *("format", "formats", "quality", "max_bytes", "progressive", "subsampling"),
    )
)
"""Fields that change the size or the file, and not what it shows."""
_WHOLE_OR_CUT: Final = ("contain", "cover")


def looks_of(variants: Sequence[Variant]) -> dict[str, Any]:
    """Number the looks of variants, for the result of their job.

    Returns:
        `looks` with the number of each variant that does not look as the first one; nothing if all look the same.
    """
    numbers: dict[str, int] = {}
    looks = {variant.name: numbers.setdefault(_look(variant), len(numbers)) for variant in variants}
    others = {name: number for name, number in looks.items() if number}
    return {"looks": others} if others else {}


def _look(variant: Variant) -> str:
    shown = {name: value for name, value in variant.model_dump().items() if name not in _NOT_SEEN}
    if variant.fit in _WHOLE_OR_CUT:
        shown["fit"] = ""
    return repr(shown)
