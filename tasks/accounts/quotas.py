"""Quotas: what one owner may use. An owner's record says what differs from the settings."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

from tasks.settings import Settings


@dataclass(frozen=True)
class Quotas:
    """The quotas of one owner.

    Args:
        requests_per_second: Requests per second, on average; 0 is no limit.
        request_burst: Requests that may come at once.
        waiting_jobs: Jobs that may wait, deliveries apart.
        scheduled_jobs: Jobs that may be scheduled, or wait for other jobs.
        running_jobs: Jobs that may run at once in each queue; None is what OWNER_MAX_RUNNING says.
        deliveries_per_minute: Deliveries that its events may make per minute; 0 is no limit.
        endpoints: Endpoints that it may have.
        schedules: Schedules that it may have.
        stored_bytes: Bytes that it may have in the storage; 0 is no limit.
        bytes_per_day: Bytes that it may send and its jobs may make in one day (UTC); 0 is no limit.
        keep_seconds: Seconds for which `keep` may keep a job with its files; 0 refuses `keep`.
        queues: Queues that it may make by naming them; None is any number, as admins may.
    """

    requests_per_second: int
    request_burst: int
    waiting_jobs: int
    scheduled_jobs: int
    running_jobs: int | None
    deliveries_per_minute: int
    endpoints: int
    schedules: int
    stored_bytes: int
    bytes_per_day: int
    keep_seconds: int
    queues: int | None

    @classmethod
    def of(cls, settings: Settings, overrides: Mapping[str, int] | None = None) -> Self:
        """The quotas of the settings, but for those that an owner's record has.

        Args:
            settings: The defaults.
            overrides: Name → number. A name that this version does not know says nothing.
        """
        overrides = overrides or {}
        rate = overrides.get("requests_per_second", settings.owner_requests_per_second)
        defaults: dict[str, Any] = {
            "requests_per_second": rate,
            # A burst of its own that is given with another rate would be too small or too large for it.
            "request_burst": settings.owner_request_burst if "requests_per_second" not in overrides else 0,
            "waiting_jobs": settings.owner_waiting_limit,
            "scheduled_jobs": settings.owner_scheduled_limit,
            "running_jobs": None,
            "deliveries_per_minute": settings.owner_deliveries_per_minute,
            "endpoints": settings.max_endpoints,
            "schedules": settings.max_schedules,
            "stored_bytes": settings.owner_stored_bytes,
            "bytes_per_day": settings.owner_bytes_per_day,
            "keep_seconds": settings.max_keep_s,
            "queues": settings.owner_queues,
        }
        values = {name: overrides.get(name, default) for name, default in defaults.items()}
        return cls(**{**values, "request_burst": values["request_burst"] or max(2 * rate, 1)})

    @cached_property
    def has_byte_limits(self) -> bool:
        """Whether the bytes of the owner are limited at all."""
        return bool(self.stored_bytes or self.bytes_per_day)


NAMES = tuple(field.name for field in fields(Quotas))


def read_overrides(text: str | None) -> dict[str, int]:
    """What an owner's record has of quotas, from its JSON."""
    return {name: value for name, value in json.loads(text or "{}").items() if name in NAMES}
