"""The ZIP archive that an XLSX file is, looked at before anything in it is unpacked."""

import io
import os
import zipfile
from typing import IO, Final

from tasks.refusal import Refusal

MiB: Final = 1024 * 1024
MAX_DIRECTORY_BYTES: Final = 1 * MiB
MAX_PARTS: Final = 2_000
MAX_UNPACKED_BYTES: Final = 4096 * MiB
MAX_RATIO: Final = 100
"""Unpacked to packed size. Sheets of real data stay under 30; deflate reaches 1,000 for what says nothing."""
HARMLESS_BYTES: Final = 8 * MiB
"""What a part may unpack to at any ratio."""
MAX_CONTENTS_BYTES: Final = 4 * MiB
"""Of the parts that say where the others are."""
MAX_STYLES_BYTES: Final = 32 * MiB


class Archive:
    """The parts of a workbook file by name. Sizes that the directory states are binding: nothing beyond is unpacked."""

    def __init__(self, path: str) -> None:
        """Raises: Refusal `malformed_dataset`, `too_much_data`."""
        self._file = _Guarded(path)
        try:
            self._zip = zipfile.ZipFile(self._file)
            self._check()
        except Refusal:
            self._file.close()
            raise
        except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, EOFError) as error:
            message = "The dataset is not an XLSX workbook, or it is damaged. Save it again as XLSX."
            self._file.close()
            raise Refusal("malformed_dataset", message) from error

    def __contains__(self, name: str) -> bool:
        return name in self._zip.NameToInfo

    def size(self, name: str) -> int:
        """Bytes of a part, unpacked."""
        return self._zip.getinfo(name).file_size

    def open(self, name: str, max_bytes: int = MAX_UNPACKED_BYTES) -> IO[bytes]:
        """Read a part. Raises: Refusal `malformed_dataset` if there is none, `too_much_data` if it is larger."""
        if name not in self:
            raise Refusal("malformed_dataset", f"The workbook has no part {name[:100]!r}. Save it again.")
        if self.size(name) > max_bytes:
            message = f"The workbook's part {name[:100]!r} has more than {max_bytes // MiB} MiB. Send it as CSV."
            raise Refusal("too_much_data", message, limit=max_bytes)
        try:
            return self._zip.open(name)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:  # RuntimeError: it has a password
            raise Refusal("malformed_dataset", "A part of the workbook cannot be read. Save it again.") from error

    def close(self) -> None:
        self._zip.close()
        self._file.close()

    def _check(self) -> None:
        parts = self._zip.infolist()
        if len(parts) > MAX_PARTS:
            message = f"The workbook has {len(parts):,} parts. At most {MAX_PARTS:,} are allowed."
            raise Refusal("too_much_data", message, limit=MAX_PARTS)
        if sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
            message = (
                f"The workbook unpacks to more than {MAX_UNPACKED_BYTES // MiB:,} MiB. Send it as CSV, or split it."
            )
            raise Refusal("too_much_data", message, limit=MAX_UNPACKED_BYTES)
        for part in parts:
            if part.file_size > HARMLESS_BYTES and part.file_size > MAX_RATIO * part.compress_size:
                message = f"A part of the workbook unpacks to more than {MAX_RATIO} times its size. Send it as CSV."
                raise Refusal("too_much_data", message, limit=MAX_RATIO)


class _Guarded(io.FileIO):
    """A file that hands out no large piece at once: zipfile would read a whole directory so, whatever its size."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "rb")

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            size = os.fstat(self.fileno()).st_size - self.tell()
        if size > MAX_DIRECTORY_BYTES:
            message = f"The workbook's directory has more than {MAX_DIRECTORY_BYTES // MiB} MiB. Save it again."
            raise Refusal("too_much_data", message, limit=MAX_DIRECTORY_BYTES)
        return super().read(size) or b""
