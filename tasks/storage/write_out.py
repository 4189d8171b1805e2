"""Writes a blob to a file of this machine."""

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
    try:
        if isinstance(opened, io.BufferedReader):
            with opened, path.open("wb") as file:
                shutil.copyfileobj(opened, file, MiB)
        else:
            with path.open("wb") as file:
                file.writelines(opened.stream(MiB))
    except FileNotFoundError as wrong_path:
        return wrong_path
    return None
