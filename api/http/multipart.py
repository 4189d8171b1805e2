"""A streaming parser for multipart forms: parts are read while they arrive."""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from multipart import (
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    StrictParserError,
    parse_options_header,
)

from tasks.refusal import Refusal

MAX_PART_HEADERS = 8
MAX_PART_HEADER_BYTES = 4 * 1024 + 128
"""Of one header of a part, its name included. Most of it is the name of a file."""
MAX_PREAMBLE_BYTES = 16 * 1024
"""Of what a body may have before its first boundary, which RFC 2046 lets mail programs write there."""


@dataclass(frozen=True, slots=True)
class Part:
    """The headers of a part: the field's name and, for a file, the file's name (possibly empty)."""

    field: str
    filename: str | None


class Multipart:
    """Parses a form from the chunks of a body, and buffers at most one chunk.

    Raises:
        Refusal: From every method: `invalid_request` if the form is malformed or incomplete, and those of `body`.
    """

    def __init__(self, body: AsyncIterator[bytes], content_type: str) -> None:
        self._body = body
        self._events: deque[Part | bytes | None] = deque()
        self._start: bytes | None = b""
        self._complete = False
        boundary = parse_options_header(content_type)[1].get("boundary", "").encode("latin-1", "replace")
        if not boundary:
            raise _malformed("its Content-Type names no boundary")
        self._delimiter = b"--" + boundary
        try:
            self._parser = PushMultipartParser(
                boundary,
                max_header_size=MAX_PART_HEADER_BYTES,
                max_header_count=MAX_PART_HEADERS,
                header_charset="latin-1",  # any byte; `_text` reads them as UTF-8
                strict=True,
            )
        except MultipartError as error:
            raise _malformed(str(error)) from error

    async def next_part(self) -> Part | None:
        """Skip the rest of the current part and return the next one; None at the end of the body."""
        while await self._more():
            event = self._events.popleft()
            if isinstance(event, Part):
                return event
        return None

    async def data(self) -> AsyncIterator[bytes]:
        """The bytes of the current part."""
        while await self._more() and isinstance(event := self._events.popleft(), bytes):
            yield event
            del event  # see `chunks_of`

    async def _more(self) -> bool:
        """Read on until there is an event. False at the end of the body."""
        while not self._events:
            chunk = await anext(self._body, None)
            if chunk is None:
                if not self._complete:
                    self._end()
                return False
            if not self._complete and (chunk := self._after_start(chunk)):
                self._parse(chunk)
            del chunk  # see `chunks_of`
        return True

    def _after_start(self, chunk: bytes) -> bytes:
        """What the parser gets of the first chunks: the form from its first boundary on, which begins a line."""
        if self._start is None:
            return chunk
        self._start += chunk
        place = 0 if self._start.startswith(self._delimiter) else self._start.find(b"\n" + self._delimiter)
        if 0 <= place <= MAX_PREAMBLE_BYTES:
            start, self._start = self._start[place:].removeprefix(b"\n"), None
            return start
        if len(self._start) > MAX_PREAMBLE_BYTES:
            raise _malformed(f"its boundary is not in its first {MAX_PREAMBLE_BYTES} bytes")
        return b""

    def _parse(self, chunk: bytes) -> None:
        try:
            for event in self._parser.parse(chunk):
                if isinstance(event, MultipartSegment):
                    self._events.append(
                        Part(_text(event.name or ""), None if event.filename is None else _text(event.filename))
                    )
                else:
                    self._events.append(event)
        except StrictParserError as error:
            # Also raised for what follows a complete form, such as a line break; that is no part of it.
            self._end(error)
        except MultipartError as error:
            raise _malformed(str(error)) from error

    def _end(self, cause: MultipartError | None = None) -> None:
        """Raises: Refusal unless the form is complete."""
        if self._start is not None:
            raise _malformed("it has no line with the boundary that its Content-Type names")
        try:
            self._parser.close()
        except MultipartError as error:
            raise _malformed(str(cause or "it ends before its closing boundary")) from error
        self._complete = True


def _text(value: str) -> str:
    return value.encode("latin-1").decode(errors="replace")


def _malformed(why: str) -> Refusal:
    return Refusal(
        "invalid_request",
        f"The body is not a valid multipart form: {why.rstrip('.')}. Send the form again.",
        field="body",
    )
