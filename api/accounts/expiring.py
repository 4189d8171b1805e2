"""What opens something to a browser without a key, and ends by itself: upload tokens and portal links."""

from api.http.durations import seconds_of
from api.http.query import ListQuery
from tasks.accounts.tokens.expiring_store import E, ExpiringStore
from tasks.queue.records.cursor import read_cursor, write_cursor
from tasks.refusal import Refusal
from tasks.validation import shown


def life_s(text: str, limit: int, setting: str) -> int:
    """The seconds for which one lives.

    Args:
        text: The field `expires`.
        limit: Seconds at most.
        setting: Which says so.

    Raises:
        Refusal: `invalid_request`.
    """
    seconds = seconds_of("expires", text)
    if seconds > limit:
        message = f"expires: {shown(text)} is longer than the limit of {limit} seconds ({setting}). Send less."
        raise Refusal("invalid_request", message, field="expires", limit=limit)
    return seconds


async def page_of(store: ExpiringStore[E], owner: str, query: ListQuery) -> tuple[list[E], str | None]:
    """A page of an owner's, and the cursor of the next one; None after the last.

    Args:
        store: Where they are.
        owner: Whose.
        query: The query of the list.

    Raises:
        Refusal: `invalid_request` for a cursor that this service did not make.
    """
    after = read_cursor(query.cursor) if query.cursor else None
    found = await store.list(owner, query.limit + 1, after=after)
    page = found[: query.limit]
    return page, write_cursor(*page[-1].place) if len(found) > query.limit else None
