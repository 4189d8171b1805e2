"""A page of memory that a child writes its progress to, and the worker reads when somebody asks for it.

Writing is a memory copy: no system call, no waiting, whatever the pace. The sequence number is odd while a report is
being written, so that the worker never shows half of one.
"""

import mmap
import os
import struct
import tempfile
from typing import BinaryIO, Final

PAGE_BYTES: Final = mmap.PAGESIZE
NOTE_LIMIT_BYTES: Final = 512

_BEGUN = struct.Struct("<I")
_SEQUENCE = struct.Struct("<I")
_REPORT = struct.Struct(f"<qqH{NOTE_LIMIT_BYTES}s")
_SEQUENCE_AT = _BEGUN.size
_REPORT_AT = _SEQUENCE_AT + _SEQUENCE.size


def page_file() -> BinaryIO:
    """A nameless file that backs one page; it lives as long as someone maps it."""
    file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - the caller closes it, once the child has it too
    # Written out, not truncated: a full disk must say so here, not by SIGBUS at the first report.
    file.write(bytes(PAGE_BYTES))
    return file


class ProgressPage:
    """One child's page: how many calls it has begun, and its latest report."""

    def __init__(self, descriptor: int) -> None:
        self._page = mmap.mmap(descriptor, PAGE_BYTES)
        self._sequence = 0
        self._seen = 0

    # The child's side.

    def begin(self) -> None:
        """Note that a call has begun: from here on the child's death is the work's, and the work is not run again."""
        _BEGUN.pack_into(self._page, 0, self.begun + 1)

    def report(self, done: int, total: int, note: str = "") -> None:
        """Write a progress report, as `tasks.progress.Progress`. A note is cut at NOTE_LIMIT_BYTES.

        Raises:
            struct.error: A count exceeds 64 bits.
        """
        text = note.encode(errors="replace")[:NOTE_LIMIT_BYTES]
        _SEQUENCE.pack_into(self._page, _SEQUENCE_AT, self._sequence + 1)
        _REPORT.pack_into(self._page, _REPORT_AT, done, total, len(text), text)
        self._sequence = (self._sequence + 2) & 0xFFFFFFFF
        _SEQUENCE.pack_into(self._page, _SEQUENCE_AT, self._sequence)

    # The worker's side.

    @property
    def begun(self) -> int:
        begun: int = _BEGUN.unpack_from(self._page)[0]
        return begun

    def forget(self) -> None:
        """What was reported up to now is old news: it belongs to an earlier call."""
        self._seen = self._read_sequence()

    def news(self) -> tuple[int, int, str] | None:
        """The latest report, (done, total, note), if it was not read before."""
        sequence = self._read_sequence()
        if sequence == self._seen or sequence % 2:
            return None
        done, total, length, text = _REPORT.unpack_from(self._page, _REPORT_AT)
        if self._read_sequence() != sequence:
            return None
        self._seen = sequence
        return done, total, text[:length].decode(errors="replace")

    def _read_sequence(self) -> int:
        sequence: int = _SEQUENCE.unpack_from(self._page, _SEQUENCE_AT)[0]
        return sequence


def adopt(descriptor: int) -> ProgressPage:
    """The page behind a descriptor that was handed over; the descriptor is closed, the page stays."""
    page = ProgressPage(descriptor)
    os.close(descriptor)
    return page
