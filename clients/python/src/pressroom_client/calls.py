"""Requests as values: what each method of the clients sends. Nothing is sent here."""

import csv
import io
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from pressroom_client.content import Content, Source, name_of
from pressroom_client.options import EventOptions, JobOptions, TableOptions
from pressroom_client.records import Job

BINARY = "application/octet-stream"  # the service looks at the bytes
JSON = "application/json"
LONGEST_WAIT_S = 25.0
"""For which the service holds a request that waits for a job."""
EARLY_PAUSE_S = 0.5
"""A service that is about to stop answers a request that waits at once: then the next one comes after these seconds."""
REPEATABLE = {"GET", "HEAD", "PUT", "DELETE"}


@dataclass(frozen=True, slots=True)
class Call:
    """A request. wait_s: how long the service may hold it."""

    method: str
    path: str
    query: Mapping[str, str | float] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: Content | None = None
    wait_s: float = 0.0

    @property
    def repeatable(self) -> bool:
        """Whether it does the same if it arrives twice."""
        return self.method in REPEATABLE or "Idempotency-Key" in self.headers


def json_call(
    method: str,
    path: str,
    body: Any = None,
    query: Mapping[str, str | float] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Call:
    """A request with a JSON body, or without a body."""
    sent = {**(headers or {})}
    if body is None:
        return Call(method, path, query or {}, sent)
    return Call(method, path, query or {}, {**sent, "Content-Type": JSON}, Content.of(json.dumps(body).encode()))


def image_call(source: Source, variants: str | Sequence[Mapping[str, Any]] | None, options: JobOptions) -> Call:
    query, headers = _file_options(source, options)
    if variants is not None:
        query["variants"] = variants if isinstance(variants, str) else json.dumps(variants)
    return Call("POST", "/v1/images", query, {**headers, "Content-Type": BINARY}, Content.of(source))


def report_call(spec: Mapping[str, Any], options: JobOptions) -> Call:
    query, headers = _options(options)
    return json_call("POST", "/v1/reports", spec, query, headers)


def table_call(source: Source, content_type: str, options: TableOptions) -> Call:
    query, headers = _file_options(source, options)
    return Call("POST", "/v1/reports", query, {**headers, "Content-Type": content_type}, Content.of(source))


def event_call(type: str, data: Any, channel: str | None, event_id: str | None, options: EventOptions) -> Call:
    query, headers = _options(options)
    body = {"type": type, "data": data, "channel": channel, "id": event_id}
    return json_call("POST", "/v1/events", body, query, headers)


def job_call(job: Job | str, wait_s: float) -> Call:
    wait_s = max(0.0, min(wait_s, LONGEST_WAIT_S))
    return Call("GET", f"/v1/jobs/{_id(job)}", {"wait": round(wait_s, 3)} if wait_s else {}, wait_s=wait_s)


def cancel_call(job: Job | str) -> Call:
    return Call("POST", f"/v1/jobs/{_id(job)}/cancellation")


def file_call(job: Job | str, name: str) -> Call:
    return Call("GET", f"/v1/jobs/{_id(job)}/files/{_segment(name)}")


def _id(job: Job | str) -> str:
    return _segment(job.id if isinstance(job, Job) else job)


def _segment(name: str) -> str:
    """A part of a path. With `.` and `..` httpx would come to another path."""
    if name in {"", ".", ".."}:
        raise ValueError(f"{name!r} is neither a job's id nor a file's name.")
    return quote(name, safe="")


def _file_options(source: Source, options: JobOptions) -> tuple[dict[str, str | float], dict[str, str]]:
    """Options of a submit whose body is a file."""
    query, headers = _options(options)
    name = name_of(source)
    if name is not None:
        query.setdefault("name", name)
    return query, headers


def _options(options: Mapping[str, Any]) -> tuple[dict[str, str | float], dict[str, str]]:
    """Query and headers. Logs have URLs, but no headers: what may be secret is a header."""
    given = {name: value for name, value in options.items() if value is not None}
    headers = {"Idempotency-Key": given.pop("idempotency_key", None) or uuid.uuid4().hex}
    if "tags" in given:
        headers["Pressroom-Tags"] = ",".join(given.pop("tags"))
    if "metadata" in given:
        headers["Pressroom-Metadata"] = json.dumps(given.pop("metadata"))
    if "notify" in given:
        notify = given.pop("notify")
        headers["Pressroom-Notify"] = json.dumps({"url": notify} if isinstance(notify, str) else notify)
    return {name: _text(value) for name, value in given.items()}, headers


def _text(value: Any) -> str | float:
    """A value as a query has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return _cells(f"{name}:{one}" for name, one in value.items())
    if isinstance(value, str | int | float):
        return value
    return _cells(value)


def _cells(values: Iterable[str]) -> str:
    """Values with commas between; what has a comma itself stands in double quotes."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()
