"""The `srcset` and the `<picture>` of a job's pictures, ready to be put into a page."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any, Final

from tasks.kind import variant_of

MODERN_TYPES: Final = ("image/avif", "image/webp")
"""Types that a browser may not read, so that they get a `<source>` of their own: the smallest files first."""
PLAIN_TYPES: Final = ("image/jpeg", "image/png", "image/gif")
"""Types that every browser shows, the one that suits an `<img>` best first."""
TYPES: Final = (*PLAIN_TYPES, *reversed(MODERN_TYPES))
"""All types that are drawn."""
_DENSITY: Final = re.compile(r"(.+)@([1-9])x")
_ROUNDED_PX: Final = 1
"""Pixels by which heights of one proportion differ, since they are whole."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One file: the variant that it is of, at which pixel density, and what looks the same at another size.

    A variant with several densities is a group of its own: its files are one size for several screens, not several
    sizes.
    """

    variant: str
    density: int
    type: str
    url: str
    width: int
    height: int
    look: int
    group: str = ""


def markup_of(
    files: Sequence[Mapping[str, Any]], url_of: Callable[[Mapping[str, Any]], str], looks: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Write the markup for each set of files that show the same in several sizes and formats.

    Args:
        files: The files of a job that draws pictures, as its record has them. One that is not described is left out.
        url_of: Returns the URL of a file.
        looks: By the name of a variant: a number that two variants share if they show the same, apart from what is cut
            off. Variants that it does not name share one.

    Returns:
        For each set `variants` (their names), `width` and `height` (of the largest, or of the density 1), `srcset` (of
        types that every browser shows, if there are any), and `picture` (HTML).
    """
    sets: list[list[_Candidate]] = []
    pictures = [_picture(file, url_of(file), looks) for file in files if _is_described(file)]
    densities = Counter(variant for variant, _ in {(one.variant, one.density) for one in pictures})
    pictures = [replace(one, group=one.variant) if densities[one.variant] > 1 else one for one in pictures]
    for picture in sorted(pictures, key=lambda one: -one.width):
        for one in sets:
            if _same(one[0], picture):
                one.append(picture)
                break
        else:
            sets.append([picture])
    return [_markup(one) for one in sets]


def _is_described(file: Mapping[str, Any]) -> bool:
    about = file.get("about") or {}
    sides = (about.get("width"), about.get("height"))
    return file.get("type") in TYPES and all(isinstance(side, int) and side > 0 for side in sides)


def _picture(file: Mapping[str, Any], url: str, looks: Mapping[str, int]) -> _Candidate:
    name, about = variant_of(file["name"]), file["about"]
    dense = _DENSITY.fullmatch(name)
    variant, density = (dense[1], int(dense[2])) if dense else (name, 1)
    return _Candidate(variant, density, file["type"], url, about["width"], about["height"], looks.get(variant, 0))


def _same(larger: _Candidate, smaller: _Candidate) -> bool:
    height = larger.height * smaller.width / larger.width
    if (larger.look, larger.group) != (smaller.look, smaller.group):
        return False
    return bool(larger.group) or abs(height - smaller.height) <= _ROUNDED_PX


def _markup(pictures: Sequence[_Candidate]) -> dict[str, Any]:
    variants = list(dict.fromkeys(picture.variant for picture in pictures))
    by_density = bool(pictures[0].group)
    by_type = {kind: _one_for_each_size([one for one in pictures if one.type == kind]) for kind in MODERN_TYPES}
    shown_by_all = _one_for_each_size([one for one in pictures if one.type in PLAIN_TYPES])
    image = shown_by_all or max(by_type.values(), key=lambda own: own[-1].width if own else 0)
    widest = image[-1].width
    first = min(image, key=lambda one: one.density) if by_density else image[-1]
    sizes = "" if by_density else f' sizes="(min-width: {widest}px) {widest}px, 100vw"'
    sources = ""
    for kind, own in by_type.items():
        if own and own != image and own[-1].width >= widest:  # else a browser that reads it gets no large one
            sources += f'<source type="{kind}" srcset="{escape(_srcset(own, by_density))}"{sizes}>'
    tag = (
        f'<img src="{escape(first.url)}" srcset="{escape(_srcset(image, by_density))}"{sizes} '
        f'width="{first.width}" height="{first.height}" alt="">'
    )
    return {
        "variants": variants,
        "width": first.width,
        "height": first.height,
        "srcset": _srcset(image, by_density),
        "picture": f"<picture>{sources}{tag}</picture>",
    }


def _one_for_each_size(pictures: Sequence[_Candidate]) -> list[_Candidate]:
    """Of each width the picture whose type most browsers show, the smallest first."""
    found: dict[int, _Candidate] = {}
    for picture in sorted(pictures, key=lambda one: (one.width, TYPES.index(one.type))):
        found.setdefault(picture.width, picture)
    return list(found.values())


def _srcset(pictures: Sequence[_Candidate], by_density: bool) -> str:
    return ", ".join(
        f"{picture.url} {picture.density}x" if by_density else f"{picture.url} {picture.width}w" for picture in pictures
    )
