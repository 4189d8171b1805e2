"""Untrusted XML: read by events, in bounded memory, without document types (and so without entities)."""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Final
from xml.parsers import expat  # the parser itself, told to refuse what makes XML dangerous

from tasks.refusal import Refusal

BLOCK_BYTES: Final = 1 << 16
MAX_TOKEN_BYTES: Final = 4 << 20
"""Of one tag with its attributes, which the parser holds in memory until it is complete."""
MAX_TEXT_CHARS: Final = 1 << 17
"""Of one cell; Excel itself stops at 32,767."""

Start = Callable[[str, dict[str, str]], None]


class MarkupText:
    """The text of one cell, which may stand in several elements: only what comes between `open` and `close` counts."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._chars = 0
        self._is_open = False

    def open(self) -> None:
        self._is_open = True

    def add(self, part: str) -> None:
        if self._is_open:
            self._parts.append(part)
            self._chars += len(part)
            if self._chars > MAX_TEXT_CHARS:
                message = f"A cell of the workbook has more than {MAX_TEXT_CHARS:,} characters. Shorten it."
                raise Refusal("cell_too_long", message, limit=MAX_TEXT_CHARS)

    def close(self) -> None:
        self._is_open = False

    @property
    def is_empty(self) -> bool:
        """Whether there is no text so far."""
        return not self._chars

    def take(self) -> str:
        """The text so far; a new one begins."""
        text = "".join(self._parts)
        self._parts.clear()
        self._chars = 0
        return text


def read_markup(
    part: IO[bytes], start: Start, end: Callable[[str], None], text: Callable[[str], None]
) -> Iterator[int]:
    """Feed a part to the handlers, block by block; yields how many bytes it was so far.

    Names come without their prefix of a namespace. Raises: Refusal `malformed_dataset`.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.CharacterDataHandler = text
    prefix = ""

    def first(name: str, attributes: dict[str, str]) -> None:
        nonlocal prefix
        prefix = name[: name.find(":") + 1]
        parser.StartElementHandler = start_prefixed if prefix else start
        parser.EndElementHandler = end_prefixed if prefix else end
        (start_prefixed if prefix else start)(name, attributes)

    def start_prefixed(name: str, attributes: dict[str, str]) -> None:
        start(name.removeprefix(prefix), attributes)

    def end_prefixed(name: str) -> None:
        end(name.removeprefix(prefix))

    parser.StartElementHandler = first
    done = 0
    try:
        while block := part.read(BLOCK_BYTES):
            parser.Parse(block)
            done += len(block)
            if done - parser.CurrentByteIndex > MAX_TOKEN_BYTES:
                raise Refusal("malformed_dataset", "The workbook's XML has a tag that is too long. Save it again.")
            yield done
        parser.Parse(b"", True)
        yield done
    except (expat.ExpatError, zipfile.BadZipFile, zlib.error, EOFError, UnicodeError) as error:
        raise Refusal("malformed_dataset", "The workbook's XML is damaged. Save it again.") from error


def read_all(part: IO[bytes], start: Start, end: Callable[[str], None], text: Callable[[str], None]) -> None:
    """`read_markup` to its end."""
    for _ in read_markup(part, start, end, text):
        pass


def ignore(_: object) -> None:
    """For what is not looked at."""


def _refuse(*_: object) -> None:
    raise Refusal(
        "malformed_dataset", "The workbook's XML has a document type declaration, which is not allowed. Save it again."
    )
