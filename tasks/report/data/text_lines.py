"""Text files by the line: decoded strictly, line ends made alike, no line longer than its limit."""

import codecs
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tasks.refusal import Refusal
from tasks.report.data.source import MAX_LINE_CHARS

BLOCK_BYTES: Final = 1 << 18
_ZIP: Final = b"PK\x03\x04"
# Windows writes more characters under these names than the standards have.
_CODECS: Final = {"utf-8": "utf-8-sig", "shift_jis": "cp932", "euc_kr": "cp949"}


class TextLines:
    """The lines of a file, each with its \\n, in blocks.

    chars: how many characters were handed out so far. share: how much of the file that is, in [0, 1].
    """

    def __init__(self, path: str, encoding: str) -> None:
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
        name = _CODECS.get(self._encoding, self._encoding)
        decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(name)(), translate=True)
        tail = ""
        with self._path.open("rb") as file:
            while True:
                block = file.read(BLOCK_BYTES)
                if self._read_bytes == 0 and block.startswith(_ZIP):
                    message = "The dataset is a ZIP archive, such as an XLSX workbook. Set its format to xlsx."
                    raise Refusal("malformed_dataset", message)
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
        except UnicodeDecodeError as error:
            line = self._ended_lines + error.object[: error.start].count(b"\n") + 1
            message = (
                f"Line {line:,} is not {self._encoding} (byte 0x{error.object[error.start]:02X}). "
                "Save the file as UTF-8, or set its encoding."
            )
            raise Refusal("wrong_encoding", message) from error
