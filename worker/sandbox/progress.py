"""A page of shared memory to which a child writes its progress and CPU time, and from which the worker reads them.

Writing is a copy in memory, without a system call. The sequence number is odd while a report is being written, so that
the worker never reads half of one.
"""

import mmap
import os
import struct
import tempfile
import time
from typing import BinaryIO, Final

PAGE_BYTES: Final = mmap.PAGESIZE
NOTE_LIMIT_BYTES: Final = 512

_BEGUN = struct.Struct("<I")
_SEQUENCE = struct.Struct("<I")
_REPORT = struct.Struct(f"<qqH{NOTE_LIMIT_BYTES}s")
_SEQUENCE_AT = _BEGUN.size
_REPORT_AT = _SEQUENCE_AT + _SEQUENCE.size
_CPU = struct.Struct("<Q")
_CPU_AT = _REPORT_AT + _REPORT.size


def page_file() -> BinaryIO:
    """Create the unnamed file of one page. It exists as long as a process maps it."""
    file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - the caller closes it once the child has it too
    # Written, not truncated: a full disk must fail here, not as a SIGBUS at the first report.
    file.write(bytes(PAGE_BYTES))
    return file


class ProgressPage:
    """One child's page: how many calls it has begun, and its latest progress report.

    Args:
        descriptor: The page's file.
    """

    def __init__(self, descriptor: int) -> None:
        self._page = mmap.mmap(descriptor, PAGE_BYTES)
        self._sequence = 0
        self._seen = 0

    # The child's side.

    def begin(self) -> None:
        """Note that a call has begun: from now on the child's death is the call's outcome, and the call is not
        repeated."""
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

    def note_cpu(self) -> None:
        """Write how much CPU time this process has had."""
        _CPU.pack_into(self._page, _CPU_AT, int(time.process_time() * 1000))

    # The worker's side.

    @property
    def cpu_ms(self) -> int:
        """Milliseconds of CPU time that the child had had by the end of its last call."""
        cpu_ms: int = _CPU.unpack_from(self._page, _CPU_AT)[0]
        return cpu_ms

    @property
    def begun(self) -> int:
        """How many calls the child has begun."""
        begun: int = _BEGUN.unpack_from(self._page)[0]
        return begun

    def skip_reported(self) -> None:
        """Ignore what was reported so far: it belongs to an earlier call."""
        self._seen = self._read_sequence()

    def latest(self) -> tuple[int, int, str] | None:
        """Return the latest report (done, total, note), or None if it was read before."""
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


def map_page(descriptor: int) -> ProgressPage:
    """Map the page of a file descriptor, and close the descriptor."""
    page = ProgressPage(descriptor)
    os.close(descriptor)
    return page
