"""A streaming parser for multipart forms: parts are read while they arrive."""

import logging
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from tasks.refusal import Refusal

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

# The library logs a warning for each malformed form; here the client gets an error response instead.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Part:
    """The headers of a part: the field's name and, for a file, the file's name (possibly empty)."""

    field: str
    filename: str | None


class _End:
    """Marks the end of a part."""


class Multipart:
    """Parses a form from the chunks of a body, and buffers at most one chunk.

    Raises:
        Refusal: From every method: `invalid_request` if the form is malformed or incomplete, and those of `body`.
    """

    def __init__(self, body: AsyncIterator[bytes], content_type: str) -> None:
        self._body = body
        self._events: deque[Part | bytes | type[_End]] = deque()
        self._complete = False
        self._header = b""
        self._value = b""
        self._disposition = b""
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        if not boundary:
            raise _malformed("its Content-Type names no boundary")
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError as error:
            raise _malformed(str(error)) from error

    async def next_part(self) -> Part | None:
        """Skip the rest of the current part and return the next one; None at the end of the body."""
        while True:
            event = await self._next()
            if event is None or isinstance(event, Part):
                return event

    async def data(self) -> AsyncIterator[bytes]:
        """The bytes of the current part."""
        while (event := await self._next()) is not None and isinstance(event, bytes):
            yield event

    async def _next(self) -> Part | bytes | type[_End] | None:
        while not self._events:
            chunk = await anext(self._body, None)
            if chunk is None:
                if not self._complete:
                    raise _malformed("it ends before its closing boundary")
                return None
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise _malformed(str(error)) from error
        return self._events.popleft()

    def _on_part_begin(self) -> None:
        self._disposition = b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _on_headers_finished(self) -> None:
        # The parser decodes and encodes as latin-1, so the UTF-8 that browsers send stays unchanged.
        options = parse_options_header(self._disposition)[1]
        if b"name" not in options:
            raise _malformed("a part has no name")
        filename = options.get(b"filename")
        self._events.append(Part(_text(options[b"name"]), None if filename is None else _text(filename)))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(data[start:end])

    def _on_part_end(self) -> None:
        self._events.append(_End)

    def _on_end(self) -> None:
        self._complete = True


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _malformed(why: str) -> Refusal:
    return Refusal(
        "invalid_request", f"The body is not a valid multipart form: {why}. Send the form again.", field="body"
    )
