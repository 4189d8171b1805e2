"""The names that owners may have."""

import re
from typing import Final

from tasks.settings.owners import RESERVED_NAMES, SYSTEM

OWNER: Final = r"^[A-Za-z0-9_-]{1,100}$"


def owner_fault(name: str) -> str | None:
    """Why nobody may have this name; None if an owner may."""
    if not re.fullmatch(OWNER, name):
        return "An owner is 1 to 100 letters, digits, - and _."
    if name == SYSTEM or name in RESERVED_NAMES:
        return f"{name!r} has a meaning of its own in Pressroom. Choose another name."
    return None
