"""Keeps other users of the machine away from the files of a storage in a folder."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600


class PrivateFolder:
    """The folder of a storage. Others may be able to read it, for it may be a disk that was mounted for a container. So
    each of its parts, such as `blobs`, is closed to them before something is written there. That is done once, for a
    thread that closes each file waits for the GIL once more.

    Args:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._closed: set[str] = set()

    @contextmanager
    def writing(self, name: str) -> Iterator[None]:
        """Close the part of an object before it is written, or one that is in no part afterwards.

        Args:
            name: Of the object, such as `blobs/ab/abcd`.
        """
        part, inside, _ = name.partition("/")
        if inside and part not in self._closed:
            with suppress(OSError):  # the write says what is wrong
                (self._path / part).mkdir(FOLDER_MODE, parents=True, exist_ok=True)
                (self._path / part).chmod(FOLDER_MODE)
                self._closed.add(part)
        yield
        if not inside:
            with suppress(FileNotFoundError):  # deleted meanwhile
                (self._path / name).chmod(FILE_MODE)
