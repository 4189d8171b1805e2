"""Keeps other users of the machine away from the files of a storage in a folder."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
OTHERS: Final = 0o077


LOOK_AGAIN_S: Final = 1.0
"""For so long a part is held to be as closed as it was: someone may remove it, and the next write makes another."""


class PrivateFolder:
    """The folder of a storage. Others may be able to read it, for it may be a disk that was mounted for a container. So
    each of its parts, such as `blobs`, is closed to them before something is written there. A file is closed itself
    only where that cannot be done: for each such call a thread waits for the GIL.

    Args:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._closed_until_s: dict[str, float] = {}

    @contextmanager
    def writing(self, name: str) -> Iterator[None]:
        """Close the part of an object before it is written, or else the object afterwards.

        Args:
            name: Of the object, such as `blobs/ab/abcd`.
        """
        part, inside, _ = name.partition("/")
        is_closed = bool(inside) and self._close(part)
        yield
        if not is_closed:
            with suppress(FileNotFoundError):  # deleted meanwhile
                (self._path / name).chmod(FILE_MODE)

    def _close(self, part: str) -> bool:
        now_s = time.monotonic()
        if now_s < self._closed_until_s.get(part, 0):
            return True
        place = self._path / part
        try:
            place.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
            if place.stat().st_mode & OTHERS:
                place.chmod(FOLDER_MODE)
        except OSError:  # it is another user's, or the write says what is wrong
            return False
        self._closed_until_s[part] = now_s + LOOK_AGAIN_S
        return True
