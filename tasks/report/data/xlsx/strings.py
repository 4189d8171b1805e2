"""The texts that a workbook's cells share, kept on disk: there may be a million of them."""

import os
import re
import uuid
from array import array
from pathlib import Path
from typing import Final

from tasks.refusal import Refusal
from tasks.report.data.xlsx.archive import Archive
from tasks.report.data.xlsx.markup import MarkupText, read_all

MAX_TEXTS: Final = 5_000_000
MAX_BYTES: Final = 400_000_000
"""The sandbox lets no file grow beyond 512 MB."""
_MAX_KEPT: Final = 20_000
_ESCAPED: Final = re.compile("_x([0-9A-Fa-f]{4})_")


class SharedStrings:
    """The n-th text of a workbook. The file in `folder` is gone when it is closed."""

    def __init__(self, archive: Archive, name: str | None, folder: str) -> None:
        self._offsets = array("Q", [0])
        self._kept: dict[int, str] = {}
        self._path = Path(folder) / f"{uuid.uuid4().hex}.strings"
        self._file = self._path.open("xb+")
        try:
            if name is not None:
                self._load(archive, name)
            self._file.flush()
        except Refusal:
            self.close()
            raise

    def __getitem__(self, index: int) -> str:
        text = self._kept.get(index)
        if text is None:
            if not 0 <= index < len(self._offsets) - 1:
                raise Refusal(
                    "malformed_dataset", "A cell of the workbook refers to a missing text. Save the workbook again."
                )
            start = self._offsets[index]
            packed = os.pread(self._file.fileno(), self._offsets[index + 1] - start, start)
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            text = self._kept[index] = packed.decode("utf-8", "surrogatepass")
        return text

    def close(self) -> None:
        self._file.close()
        self._path.unlink()

    def _load(self, archive: Archive, name: str) -> None:
        text = MarkupText()
        spoken = False  # how a Japanese text is read aloud stands beside it, and is none of the cell

        def start(name: str, _: dict[str, str]) -> None:
            nonlocal spoken
            if name == "rPh":
                spoken = True
            elif name == "t" and not spoken:
                text.open()

        def end(name: str) -> None:
            nonlocal spoken
            if name == "t" and not spoken:
                text.close()
            elif name == "rPh":
                spoken = False
            elif name == "si":
                packed = unescape(text.take()).encode("utf-8", "surrogatepass")
                self._file.write(packed)
                self._offsets.append(self._offsets[-1] + len(packed))
                if self._offsets[-1] > MAX_BYTES or len(self._offsets) > MAX_TEXTS:
                    message = (
                        f"The workbook's cells share more than {MAX_TEXTS:,} texts, or {MAX_BYTES:,} bytes of them."
                    )
                    raise Refusal("too_much_data", f"{message} Send it as CSV.", limit=MAX_TEXTS)

        with archive.open(name) as part:
            read_all(part, start, end, text.add)


def unescape(text: str) -> str:
    """Excel writes characters that XML has no place for as _x000D_."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text
