"""Text files by the line: decoded, line ends made alike, no line longer than its limit."""

import codecs
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tasks.refusal import Refusal
from tasks.report.data.source import MAX_LINE_CHARS
from tasks.report.data.text.encodings import TextEncoding

BLOCK_BYTES: Final = 1 << 18


class TextLines:
    """The lines of a file, each with its \\n, in blocks.

    chars: how many characters were handed out so far. share: how much of the file that is, in [0, 1].
    """

    def __init__(self, path: str, encoding: TextEncoding) -> None:
        self._path = Path(path)
        self._encoding = encoding
        self._size = max(self._path.stat().st_size, 1)
        self._read_bytes = 0
        self._ended_lines = 0
        self.chars = 0

    @property
    def share(self) -> float:
        return self._read_bytes / self._size

    def blocks(self) -> Iterator[io.StringIO]:
        """Raises: Refusal `wrong_encoding`, `malformed_dataset`, `cell_too_long`."""
        inner = codecs.getincrementaldecoder(self._encoding.codec)(self._encoding.errors)
        decoder = io.IncrementalNewlineDecoder(inner, translate=True)
        tail = ""
        with self._path.open("rb") as file:
            while True:
                block = file.read(BLOCK_BYTES)
                self._read_bytes += len(block)
                text = tail + self._decode(decoder, block)
                end = text.rfind("\n") + 1 if block else len(text)
                tail = text[end:]
                if len(tail) > MAX_LINE_CHARS:
                    line = self._ended_lines + text.count("\n") + 1
                    message = f"Line {line:,} has more than {MAX_LINE_CHARS:,} characters. Shorten it."
                    raise Refusal("cell_too_long", message, limit=MAX_LINE_CHARS)
                self._ended_lines += text.count("\n")
                if end:
                    self.chars += end
                    yield io.StringIO(text[:end], newline="\n")
                if not block:
                    return

    def _decode(self, decoder: io.IncrementalNewlineDecoder, block: bytes) -> str:
        try:
            return decoder.decode(block, final=not block)
        except UnicodeError as error:
            line, byte = self._ended_lines + 1, ""
            if isinstance(error, UnicodeDecodeError):
                line += error.object[: error.start].count(b"\n")
                byte = f" (byte 0x{error.object[error.start]:02X})" if error.start < len(error.object) else ""
            message = (
                f"Line {line:,} is not {self._encoding.codec.removesuffix('-sig')}{byte}. "
                "Set 'encoding' to that of the file, or save it as UTF-8."
            )
            raise Refusal("wrong_encoding", message) from error
