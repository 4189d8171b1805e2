"""What an owner has used: `/v1/usage`."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, BeforeValidator, Field

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import caller_of
from api.http.problems import documented
from api.http.query import OF_OWNER, OwnerQuery, documented_query, query_of
from tasks.accounts.usage import UsageDay, UsageStore
from tasks.refusal import Refusal
from tasks.validation import shown

router = APIRouter(prefix="/v1/usage", tags=["accounts"])

DEFAULT_DAYS = 31
MAX_DAYS = 100
DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _only_iso(value: Any) -> Any:
    """A day as JSON Schema means it; pydantic would read a number as seconds since 1970."""
    if isinstance(value, str) and not DAY.fullmatch(value):
        raise ValueError(f"{shown(value)} is no day. Send YYYY-MM-DD")
    return value


Day = Annotated[date, BeforeValidator(_only_iso)]


class UsageQuery(OwnerQuery):
    """Which days, and of whom."""

    first: Day | None = Field(
        None, description=f"The first day (UTC). Without it {DEFAULT_DAYS} days are shown.", examples=["2026-11-01"]
    )
    last: Day | None = Field(None, description="The last day (UTC). Without it today.", examples=["2026-11-30"])


class KindUsage(BaseModel):
    """What jobs of one kind used."""

    kind: str = Field(description="The kind; `other` for jobs of kinds that Pressroom does not know.")
    succeeded: int = Field(0, description="Jobs that succeeded.")
    failed: int = Field(0, description="Jobs that failed.")
    cancelled: int = Field(0, description="Jobs that were cancelled.")
    cpu_seconds: float = Field(0, description="Seconds of CPU time in the sandbox, of all attempts.")


class DayUsage(BaseModel):
    """What was used on one day (UTC)."""

    day: date = Field(description="The day.")
    bytes_in: int = Field(description="Bytes of files and bodies that were sent and stored.")
    bytes_out: int = Field(description="Bytes of files that jobs made.")
    bytes_stored: int | None = Field(
        None, description="Bytes in the storage, as they were last on this day. Absent if they did not change."
    )
    kinds: list[KindUsage] = Field(description="What jobs of each kind used.")


class Usage(BaseModel):
    """What an owner has used."""

    owner: str = Field(description="The owner.")
    bytes_stored: int = Field(description="Bytes that it has in the storage now.")
    days: list[DayUsage] = Field(description="The days on which it used something, the oldest first.")


@router.get(
    "",
    operation_id="get_usage",
    summary="Get what was used",
    response_model=Usage,
    responses=documented(*OF_OWNER, "invalid_request"),
    openapi_extra=documented_query(UsageQuery),
)
@requires("jobs:read")
async def get_usage(request: Request) -> Response:
    """By day and kind, for bills. A job counts on the day on which it ended, an attempt on that on which it ended. Days
    are kept for KEEP_USAGE_DAYS."""
    query = query_of(request, UsageQuery)
    caller = caller_of(request).acting_for(query.owner)
    last = query.last or datetime.now(UTC).date()
    first = query.first or last - timedelta(days=min(DEFAULT_DAYS - 1, last.toordinal() - 1))
    days = (last - first).days + 1
    if not 1 <= days <= MAX_DAYS:
        raise Refusal(
            "invalid_request",
            f"From 'first' to 'last' are {max(days, 0)} days. Ask for 1 to {MAX_DAYS}.",
            field="first",
            limit=MAX_DAYS,
        )
    oldest = datetime.now(UTC).date() - timedelta(days=caller.context.settings.keep_usage_days)
    store = UsageStore(caller.context.redis)
    found, stored = await store.days(caller.owner, max(first, oldest), last)
    return uncached(Usage(owner=caller.owner, bytes_stored=stored, days=list(map(_day, found))))


def _day(used: UsageDay) -> DayUsage:
    kinds = [
        KindUsage(kind=kind, cpu_seconds=used.cpu_ms.get(kind, 0) / 1000, **used.jobs.get(kind, {}))
        for kind in sorted({*used.jobs, *used.cpu_ms})
    ]
    return DayUsage(
        day=used.day,
        bytes_in=used.bytes_in,
        bytes_out=used.bytes_out,
        bytes_stored=used.stored_bytes,
        kinds=kinds,
    )
