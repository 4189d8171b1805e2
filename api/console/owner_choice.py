"""Whose things a page shows: the visitor's own, or for admins those of an owner whom they choose."""

from collections.abc import Mapping
from typing import Final

from api.console.calls import ProblemError
from api.console.visit import Visit
from tasks.queue.records.indexes import EVERYONE

OFFERED: Final = 100
"""How many owners the field suggests; any other name may be typed."""


def chosen_owner(visit: Visit, values: Mapping[str, str]) -> str | None:
    """The owner whom an admin has chosen; None if it is the visitor.

    Args:
        visit: The visit.
        values: Its query or form, with the field `owner`.
    """
    owner = values.get("owner", "").strip()
    return owner if owner and owner != visit.access.owner else None


def listed_owner(visit: Visit) -> str | None:
    """The owner whose things a list has, as its query names one. Without it: for admins everyone's (`EVERYONE`), and
    for others their own (None)."""
    return visit.query.get("owner", "").strip() or (EVERYONE if visit.access.is_admin else None)


async def known_owners(visit: Visit) -> list[str]:
    """The names of the newest owners, for admins to choose from; none for others."""
    if not visit.access.is_admin:
        return []
    try:
        return [owner["name"] for owner in (await visit.api.get("/v1/owners", limit=OFFERED))["owners"]]
    except ProblemError:
        return []
