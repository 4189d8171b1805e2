"""Writes a blob that was opened to a file of this machine."""

import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.settings import MiB

if TYPE_CHECKING:
    from obstore import GetResult


def write_out(opened: "GetResult | io.BufferedReader", path: Path) -> None:
    """Write a blob to a file.

    Args:
        opened: An answer of the storage; or its file, where the storage is a folder of this machine: reading that
            directly takes half the CPU.
        path: The file to write.
    """
    if isinstance(opened, io.BufferedReader):
        with opened, path.open("wb") as file:
            shutil.copyfileobj(opened, file, MiB)
    else:
        with path.open("wb") as file:
            file.writelines(opened.stream(MiB))
