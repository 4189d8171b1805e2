"""The elements of a JSON array, one after the other: the array as a whole is never in memory."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from tasks.refusal import Refusal
from tasks.report.data.source import MAX_LINE_CHARS
from tasks.report.data.text.lines import TextLines

_SPACE: Final = re.compile(r"[ \t\n\r]*")


def array_elements(lines: TextLines, decoder: json.JSONDecoder) -> Iterator[tuple[Any, int]]:
    """Each element with how many characters it takes.

    Raises:
        Refusal: `malformed_dataset`, `cell_too_long`, and what reading the lines raises.
        ValueError: An element is no JSON, or the array has no end.
    """
    blocks = lines.blocks()
    text, at, before = "", 0, "["
    while True:
        try:
            start = _start(text, at, before)
            if text[start] == "]":
                break
            value, end = decoder.raw_decode(text, start)
        except json.JSONDecodeError:  # perhaps the text goes on
            block = next(blocks, None)
            if block is None:
                raise
            if len(text) - at > MAX_LINE_CHARS:
                message = f"A row has more than {MAX_LINE_CHARS:,} characters, or is not valid JSON. Correct it."
                raise Refusal("cell_too_long", message, limit=MAX_LINE_CHARS) from None
            text, at = text[at:] + block.getvalue(), 0
        else:
            yield value, end - start
            at, before = end, ","
    if text[start + 1 :].strip() or any(block.getvalue().strip() for block in blocks):
        raise ValueError("text after the array")


def _start(text: str, at: int, before: str) -> int:
    """Where the next element begins, or the array's end is. Raises: JSONDecodeError if the text ends before that."""
    at = _after_space(text, at)
    if text[at] == "]" and before == ",":
        return at
    if text[at] != before:
        message = "The dataset is not a JSON array of rows. Send an array of objects, or NDJSON with one object a line."
        raise Refusal("malformed_dataset", message)
    return _after_space(text, at + 1)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    at = found.end() if found else at
    if at == len(text):
        raise json.JSONDecodeError("more text is needed", text, at)
    return at
