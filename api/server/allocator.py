"""Makes the C library keep freed memory for the next small upload, and return that of large ones to the system."""

import ctypes

MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES = -3, 2 * 1024 * 1024
"""Larger blocks are returned as soon as they are freed. What a chunk of a body takes, or a body that is stored from
memory (`tasks.storage.upload_memory.SMALL_BYTES`), is smaller: the kernel would have to clear each page of it again,
which takes longer than hashing it."""
TRIM_THRESHOLD, KEPT_BYTES = -1, 4 * 1024 * 1024
"""So much that is free at the end of a heap is kept."""
ARENA_MAX, ARENAS = -8, 2


def bound_freed_memory() -> None:
    """Bound what is kept of freed memory, and let threads share heaps. Does nothing without glibc.

    glibc would raise the size from which it returns blocks with each large block that is freed, up to 32 MiB, and each
    thread that stores files would keep the largest that it ever had.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
        mallopt(TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(ARENA_MAX, ARENAS)
