"""On which line of a JSON text a field stands, so that a problem of the API can be found in a form."""

import json
import re
from collections.abc import Iterator, Mapping
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, Final

SPACE: Final = re.compile(r"[ \t\n\r]*")
MAX_CHARS: Final = 200_000
"""Of a text that is looked through; a longer one has no lines."""
MAX_FIELDS: Final = 5
"""Fields of a problem whose lines are looked for: each walks through the text, while all other requests wait."""

_decoder = json.JSONDecoder()


def lines_of(text: str, problem: Mapping[str, Any] | None, inside: str = "") -> dict[str, int]:
    """The line of each field that a problem names.

    Args:
        text: What was sent.
        problem: The API's problem; None if there is none.
        inside: What the paths of its fields begin with besides.

    Returns:
        Path of a field -> line, from 1, for the first MAX_FIELDS; for a missing field the line of what should have it.
    """
    if problem is None or len(text) > MAX_CHARS:
        return {}
    named = [problem.get("field"), *(error.get("field") for error in problem.get("errors") or ())]
    try:
        return {
            field: line_of(text, field.removeprefix(inside))
            for field in [*dict.fromkeys(filter(None, named))][:MAX_FIELDS]
        }
    except (ValueError, RecursionError):  # no JSON: the problem says where
        return {}


def line_of(text: str, path: str) -> int:
    """The line of a field such as `blocks.2.columns.0.type`. Raises: ValueError for what is no JSON."""
    place = _after_space(text, 0)
    for name in path.split("."):
        found = next((start for key, start in _members(text, place) if key == name), None)
        if found is None:
            break
        place = found
    return text.count("\n", 0, place) + 1


def _members(text: str, place: int) -> Iterator[tuple[str, int]]:
    """The names, or numbers, of what an object or a list has, and where each value begins."""
    opening = text[place : place + 1]
    if opening not in ("{", "["):
        return
    number, place = 0, _after_space(text, place + 1)
    while text[place : place + 1] not in ("}", "]", ""):
        name = str(number)
        if opening == "{":
            name, place = scanstring(text, place + 1)
            place = _after_space(text, _after_space(text, place) + 1)
        yield name, place
        _, place = _decoder.raw_decode(text, place)
        place = _after_space(text, place)
        if text[place : place + 1] == ",":
            place = _after_space(text, place + 1)
        number += 1


def _after_space(text: str, place: int) -> int:
    found = SPACE.match(text, place)
    return found.end() if found else place
