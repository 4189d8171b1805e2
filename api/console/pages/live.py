"""The stream of changes for pages: the API's own (`GET /v1/changes`), opened by the session of a browser."""

from typing import Final

from fastapi import Response

from api.console.owner_choice import chosen_owner
from api.console.visit import ConsoleRouter, Visit

router = ConsoleRouter()

TOPICS: Final = ("jobs", "deliveries")
FOR_ADMINS: Final = ("queues", "alerts")
MOST_S: Final = 86_400
"""Seconds that the API lets a stream last."""


@router.page("/live")
async def follow_changes(visit: Visit) -> Response:
    """What changes, until the session ends: the cookie is looked at again then. The key is looked at all the time."""
    left_s = int(visit.context.sessions.keep_s - visit.session.age_s)
    query = {
        "topic": TOPICS + FOR_ADMINS if visit.access.is_admin else TOPICS,
        "owner": chosen_owner(visit, visit.query),
        "seconds": min(max(left_s, 1), MOST_S),
    }
    return await visit.api.forwarded("/v1/changes", query)
