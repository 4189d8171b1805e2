"""The names of owners: which they may have, and those that Pressroom itself uses."""

import re
from typing import Final

SYSTEM = "system"
"""The owner of jobs that came in through ARQ's keys or by a built-in schedule."""
OPEN_OWNER = "dev"
"""The owner of all requests in the open development mode."""
STATE_NAMES = ("scheduled", "queued", "running", "retrying", "succeeded", "failed", "cancelled")
RESERVED_NAMES = frozenset((*STATE_NAMES, "batch", "event", "endpoint", "schedule"))
"""Names that no owner may have: Redis keys have an owner in the same place as these."""
MAX_NAME_CHARS: Final = 100
OWNER: Final = rf"^[A-Za-z0-9_-]{{1,{MAX_NAME_CHARS}}}$"


def owner_fault(name: str, *, any_length: bool = False) -> str | None:
    """Why nobody may have this name; None if an owner may.

    Args:
        name: The name.
        any_length: Whether it may be longer than MAX_NAME_CHARS, as those of API_KEYS may.
    """
    if not re.fullmatch("[A-Za-z0-9_-]+", name) or (len(name) > MAX_NAME_CHARS and not any_length):
        return f"An owner is 1 to {MAX_NAME_CHARS} letters (a to z, A to Z), digits, - and _."
    if name == SYSTEM or name in RESERVED_NAMES:
        return f"{name!r} has a meaning of its own in Pressroom. Choose another name."
    return None
