"""Byte ranges and conditional requests of downloads (RFC 9110 §13, §14)."""

import re

from tasks.refusal import Refusal

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE | re.ASCII)


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Parse a Range header.

    Args:
        header: The header's value, or None.
        size: The size of the file in bytes.

    Returns:
        The range [start, end) in bytes; None for the whole file. Multiple ranges and other units are ignored, as the
        RFC allows.

    Raises:
        Refusal: `range_not_satisfiable`.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first == "":
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise Refusal(
            "range_not_satisfiable",
            f"The file has {size} bytes. Request a range within them.",
            field="Range",
            limit=size,
        )
    return start, end


def names(etags: str | None, etag: str) -> bool:
    """Whether an If-None-Match header names this (strong) ETag."""
    if etags is None:
        return False
    return etags.strip() == "*" or any(one.strip().removeprefix("W/") == etag for one in etags.split(","))
