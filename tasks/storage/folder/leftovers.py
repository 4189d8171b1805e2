"""Files that killed writers have left in a folder, under the names that obstore gives to what is being written.

A bucket may keep parts of a multipart upload, which no listing shows: a lifecycle rule of the bucket removes them
(AbortIncompleteMultipartUpload).
"""

from contextlib import suppress
from datetime import datetime
from pathlib import Path

LEFTOVERS = ("blobs/*/*#*", "exchanges/*/*#*", "history/*/*#*", "incoming/*/*#*")
"""Where they are. They may have what is to be deleted."""


def discard_leftovers(folder: Path, before: datetime, *, dry_run: bool) -> int:
    """Delete such files.

    Args:
        folder: That of the storage.
        before: Files last written before this time, which has a time zone.
        dry_run: Only count them.

    Returns:
        How many there are.
    """
    count = 0
    for path in (path for pattern in LEFTOVERS for path in folder.glob(pattern)):
        with suppress(FileNotFoundError):  # its writer completed the write meanwhile
            if path.stat().st_mtime < before.timestamp():
                if not dry_run:
                    path.unlink()
                count += 1
    return count
