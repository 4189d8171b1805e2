"""A table's lines on disk, in the order in which they are read: written once, read as often as needed."""

import marshal
import uuid
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from tasks.refusal import Refusal

MiB: Final = 1024 * 1024
MAX_PART_BYTES: Final = 256 * MiB
"""Of one file; the sandbox lets none grow beyond 512 MB."""
MAX_SPOOL_BYTES: Final = 4096 * MiB
"""Of all spools in the folder together."""


class Spool:
    """Items of plain values (what `marshal` takes), in files of a folder that is ours alone."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._name = uuid.uuid4().hex
        self._index: list[tuple[int, int, int]] = []
        self._part = 0
        self._offset = MAX_PART_BYTES

    def __len__(self) -> int:
        return len(self._index)

    def append(self, item: Any) -> None:
        """Raises: Refusal `too_much_data`."""
        packed = marshal.dumps(item)
        if self._offset + len(packed) > MAX_PART_BYTES:
            self._begin_part()
        with self._path(self._part).open("ab") as file:
            file.write(packed)
        self._index.append((self._part, self._offset, len(packed)))
        self._offset += len(packed)

    def read(self, first: int = 0, last: int | None = None) -> Iterator[Any]:
        """The items from `first` to before `last`."""
        for part, places in groupby(self._index[first:last], key=itemgetter(0)):
            with self._path(part).open("rb") as file:
                for _, offset, length in places:
                    file.seek(offset)
                    yield marshal.loads(file.read(length))  # noqa: S302 - we wrote it, where nobody else writes

    def remove(self) -> None:
        """Delete the files."""
        for part in {part for part, _, _ in self._index}:
            self._path(part).unlink()
        self._index.clear()

    def _begin_part(self) -> None:
        used = sum(path.stat().st_size for path in self._folder.glob("*.spool"))
        if used + MAX_PART_BYTES > MAX_SPOOL_BYTES:
            message = (
                f"The report's tables take more than {MAX_SPOOL_BYTES // MiB:,} MiB. Split them into several reports."
            )
            raise Refusal("too_much_data", message, limit=MAX_SPOOL_BYTES)
        self._part += 1
        self._offset = 0

    def _path(self, part: int) -> Path:
        return self._folder / f"{self._name}.{part}.spool"
