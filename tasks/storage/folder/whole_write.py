"""Writes a file of a storage in a folder, whole or not at all. obstore does the same in a thread of its own: to hand
a file over and to be woken again takes as long as to write it. That holds for a worker, whose event loop mostly
waits. The web process, whose loop is busy with what it receives, uses obstore: each of these calls would wait for
the GIL.
"""

import os
from contextlib import suppress
from pathlib import Path


def put_whole(path: Path, content: bytes) -> bool:
    """Write a file, or renew the modified time of one that holds the content already.

    Args:
        path: The file. If it holds anything else, it is replaced.
        content: What it shall hold.

    Returns:
        Whether it does. Otherwise nothing is changed, and obstore makes the folder, or says what is wrong.
    """
    place = str(path)
    return _renewed(place, content) or _written(place, content)


def _renewed(place: str, content: bytes) -> bool:
    # This takes a tenth of replacing the file by the same: when one is renamed over another, ext4 begins at once to
    # send it to the disk.
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        if os.fstat(descriptor).st_size != len(content) or os.read(descriptor, len(content)) != content:
            return False
        os.utime(place)  # by its name: if it was deleted meanwhile, it has to be written
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _written(place: str, content: bytes) -> bool:
    unfinished = f"{place}#1"  # the first name that obstore would give to it
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except OSError:  # there is no folder yet, or someone else writes the same file
        return False
    try:
        try:
            is_whole = os.write(descriptor, content) == len(content)
        finally:
            os.close(descriptor)
        if is_whole:
            os.rename(unfinished, place)  # noqa: PTH104 - a path object takes longer
            return True
    except OSError:  # such as a full disk
        pass
    with suppress(OSError):
        os.unlink(unfinished)  # noqa: PTH108
    return False
