"""Options of a submit, as keyword arguments."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, TypedDict

Metadata = Mapping[str, str | int | float | bool]


class EventOptions(TypedDict, total=False):
    """What every submit takes."""

    tags: Sequence[str]
    """By which the job is found again."""
    metadata: Metadata
    """Returned with the job, and sent in its webhooks."""
    notify: str | Mapping[str, str]
    """A URL that is sent the job's end, or `{"url": …, "secret": "whsec_…"}`."""
    delay: float
    """Seconds before it may start."""
    run_at: datetime
    """The time, with its zone, before which it does not start."""
    priority: Literal["high", "normal", "low"]
    """Among the owner's own jobs."""
    after: Sequence[str]
    """Ids of jobs that must succeed first."""
    batch: str
    """The open batch that it joins."""
    idempotency_key: str
    """A submit with the key of an earlier one is the same job. The client makes one for each call."""


class JobOptions(EventOptions, total=False):
    """What a submit of a job with files takes besides."""

    name: str
    """To show; of a file by default its own."""
    keep: str
    """How long the job is kept after its end, with its files: `90d`, `12h`, `forever`."""
    urls: Literal["private", "public"]
    """Whether the URLs of its files need a key."""


class TableOptions(JobOptions, total=False):
    """What a report from a table takes besides. The service's page on reports explains each."""

    title: str
    lang: str
    currency: str
    types: Mapping[str, str]
    """Types of columns: `{"amount": "money"}`."""
    columns: Sequence[str]
    total: Sequence[str]
    group_by: Sequence[str]
    sort: Sequence[str]
    orientation: Literal["portrait", "landscape"]
    formats: Sequence[Literal["pdf", "xlsx", "csv"]]
