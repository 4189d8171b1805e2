"""The folder of one child: for its temporary files and, during a call, the scratch folder of the attempt that calls."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.refusal import SandboxDeath


class ChildFolder:
    """Made at once. Landlock lets its child use it, and what is moved into it for as long as it is there.

    Args:
        path: Where the folder is made.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir()
        self._path = path
        self._holds = False
        self._ended = False

    @contextmanager
    def holding(self, folder: Path) -> Iterator[None]:
        """Move a folder into this one and back again. Meanwhile a link stands in its place, so its paths are valid.

        Args:
            folder: On the same disk, and held by no other child.

        Raises:
            SandboxDeath: `crashed`: the child has moved the folder away, which no work does.
        """
        inside = self._path / folder.name
        folder.rename(inside)
        self._holds = True
        try:
            folder.symlink_to(inside)
            yield
        finally:
            folder.unlink(missing_ok=True)
            self._holds = False
            self._take_out(inside, folder)
            if self._ended:
                self.remove()

    def _take_out(self, inside: Path, folder: Path) -> None:
        try:
            inside.rename(folder)
        except OSError as error:
            folder.mkdir()
            raise SandboxDeath(
                "crashed", "The sandbox process has moved the folder of its job. The input is probably malicious."
            ) from error

    def remove(self) -> None:
        """Remove it, once it holds no other folder."""
        self._ended = True
        if self._holds:
            return
        try:
            self._path.rmdir()  # nearly always: it is empty
        except OSError:
            shutil.rmtree(self._path, ignore_errors=True)
