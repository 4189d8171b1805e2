"""Writes a blob to a file of this machine."""

import contextlib
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.settings import MiB

if TYPE_CHECKING:
    from obstore import GetResult


def write_out(open_blob: "Callable[[], GetResult | io.BufferedReader]", path: Path) -> FileNotFoundError | None:
    """Open a blob and write it to a file: one call, since it is made in a thread, and each handing over costs CPU.

    Args:
        open_blob: Returns an answer of the storage; or the blob's file, where the storage is a folder of this machine:
            reading that directly takes half the CPU.
        path: The file to write. It is not made if the blob cannot be opened.

    Returns:
        What is wrong with `path`; None if nothing is.

    Raises:
        Exception: Whatever `open_blob` raises, FileNotFoundError if there is no such blob.
    """
    opened = open_blob()
    with contextlib.ExitStack() as open_files:
        if isinstance(opened, io.BufferedReader):
            open_files.enter_context(opened)
        try:
            file = open_files.enter_context(path.open("wb"))
        except FileNotFoundError as wrong_path:
            return wrong_path
        if isinstance(opened, io.BufferedReader):
            shutil.copyfileobj(opened, file, MiB)
        else:
            file.writelines(opened.stream(MiB))
    return None
