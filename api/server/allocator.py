"""Makes the C library return freed memory to the system."""

import ctypes

MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES = -3, 128 * 1024
ARENA_MAX, ARENAS = -8, 2


def return_freed_memory() -> None:
    """Let large blocks be returned as soon as they are freed, and threads share heaps. Does nothing without glibc.

    glibc would raise the size from which it does so with each large block that is freed, up to 32 MiB, and each thread
    that stores files would keep the largest that it ever had.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
        mallopt(ARENA_MAX, ARENAS)
