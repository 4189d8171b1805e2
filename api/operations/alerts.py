"""What is wrong now: `GET /v1/alerts`, for admins. The alert job finds the same, with the same function."""

import asyncio
from collections.abc import Container, Mapping
from datetime import datetime
from typing import Final, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import admin_of
from api.http.problems import documented
from api.operations.queues import alert_snapshot_of
from api.operations.workers import registry_of
from tasks.clock import from_ms, maybe_from_ms
from tasks.maintenance import alerts
from tasks.maintenance.alerts import ActiveAlert, find_alerts

router = APIRouter(prefix="/v1/alerts", tags=["operations"])

Unit = Literal["share", "seconds", "percent"]
UNITS: Final[Mapping[alerts.Name, Unit]] = {
    "failure_rate": "share",
    "queue_age": "seconds",
    "no_worker": "seconds",
    "storage_unavailable": "seconds",
    "endpoint_failing": "seconds",
    "redis_full": "percent",
}
"""What is measured. Of an alert that is not here there is nothing to measure: it holds or not."""
PAGE: Final = "docs/operations.md"
CURES: Final[Mapping[alerts.Name, str]] = {
    "failure_rate": "why-do-jobs-fail",
    "queue_age": "what-is-stuck-and-why",
    "no_worker": "what-is-stuck-and-why",
    "storage_unavailable": "the-storage-is-away",
    "endpoint_failing": "un-park-now",
    "redis_full": "redis-is-full",
    "foreign_storage": "the-storage-belongs-to-another-installation",
}
"""The heading of PAGE under which is what to do."""


class CurrentAlert(BaseModel):
    """Something that is wrong now."""

    code: alerts.Name = Field(
        description="A stable code for programs; `alert.fired` has it as `alert`.", examples=["no_worker"]
    )
    message: str = Field(description="What was observed, and what to do.")
    subject: str = Field(
        description="What it is about: the name of a queue, the id of an endpoint, `redis` or `storage`.",
        examples=["media"],
    )
    queue: str | None = Field(None, description="The queue that it is about.", examples=["media"])
    endpoint: str | None = Field(None, description="The id of the endpoint that it is about.")
    owner: str | None = Field(None, description="The owner of that endpoint.", examples=["shop"])
    since: datetime | None = Field(None, description="Since when it is so. Absent where that is not known.")
    value: float | None = Field(None, description="The measured value, where there is one.", examples=[312])
    limit: float | None = Field(None, description="The value from which on it is an alert, a setting.", examples=[300])
    unit: Unit | None = Field(None, description="Of `value` and `limit`. A `share` is between 0 and 1.")
    page: str = Field(
        description="Where the documentation says what to do.", examples=[f"{PAGE}#what-is-stuck-and-why"]
    )


class CurrentAlerts(BaseModel):
    """All that is wrong now."""

    at: datetime = Field(description="When it was looked for.")
    alerts: list[CurrentAlert] = Field(description="The alerts. Empty if nothing is wrong.")


@router.get(
    "",
    operation_id="list_alerts",
    summary="List current alerts",
    response_model=CurrentAlerts,
    responses=documented("unauthorized", "forbidden"),
)
@requires("admin")
async def list_alerts(request: Request) -> Response:
    """For admins. Lists what is wrong at this moment, of all owners; an empty list means that nothing is. It needs no
    worker. `alert.fired` is sent for the same conditions, which a worker checks every minute.

    Endpoints that fail are listed up to a thousand, those first that have failed longest.
    """
    context = admin_of(request).context
    snapshot, registry = await asyncio.gather(alert_snapshot_of(request, context), registry_of(request, context))
    holding = await find_alerts(context.redis, context.settings, context.storage, snapshot, registry)
    return uncached(
        CurrentAlerts(at=from_ms(snapshot.now_ms), alerts=[_alert(alert, registry.queues) for alert in holding])
    )


def _alert(alert: ActiveAlert, queues: Container[str]) -> CurrentAlert:
    unit, is_of_endpoint = UNITS.get(alert.alert), alert.alert == "endpoint_failing"
    return CurrentAlert(
        code=alert.alert,
        message=alert.message,
        subject=alert.subject,
        queue=alert.subject if alert.subject in queues else None,
        endpoint=alert.subject if is_of_endpoint else None,
        owner=alert.owners[0] if is_of_endpoint else None,
        since=maybe_from_ms(alert.since_ms),
        value=alert.value if unit else None,
        limit=alert.limit if unit else None,
        unit=unit,
        page=f"{PAGE}#{CURES[alert.alert]}",
    )
