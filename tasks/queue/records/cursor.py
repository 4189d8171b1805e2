"""Cursors: where a list goes on. One is a place, not a rank: its own entry may have left, and others may have come."""

import base64
import binascii
from typing import Final

from tasks.refusal import Refusal

LATEST_MS: Final = 1 << 53
"""No time is later: beyond it, Redis' scores would round."""


def write_cursor(created_ms: int, entry: str) -> str:
    """The place after an entry of an index (zset id → ms) that is read from the newest to the oldest."""
    return base64.urlsafe_b64encode(f"{created_ms}:{entry}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[int, str]:
    """What `write_cursor` was given. Raises: Refusal `invalid_request` for a cursor that is none of ours."""
    try:
        created, _, entry = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")
        return max(min(int(created), LATEST_MS), 0), entry
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise Refusal(
            "invalid_request",
            "cursor: The cursor is not valid. Send the 'next' value of a page unchanged.",
            field="cursor",
        ) from error
