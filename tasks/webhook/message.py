"""The request body of an event, which all its deliveries share."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from tasks.kind import JobContext
from tasks.public_files.urls import PublicFiles
from tasks.queue.records.packing import unpack
from tasks.queue.redis_keys import JOB
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.webhook.events import EventParams, body_of, data_text

MESSAGES_KEPT: Final = 32
"""Event bodies that a worker caches: the deliveries of one event run close together."""


@dataclass(frozen=True, slots=True)
class Message:
    """The request body of an event. once: it is a test, which has one attempt."""

    body: bytes
    once: bool


async def read_event(job: JobContext[Any], event_id: str) -> tuple[Mapping[bytes, bytes], Message]:
    """An event's record, and the body that is sent."""
    event = unpack(await job.reader.hash(JOB + event_id))
    if not event:
        raise Refusal("event_gone", f"Event {event_id!r} is no longer stored. Publish it again.")
    return event, message_of(event, job.settings)


def message_of(event: Mapping[bytes, bytes], settings: Settings) -> Message:
    """The body of an event, from its unpacked record."""
    base_url = settings.public_url or event.get(b"address", b"").decode()
    labels = (event.get(b"tags"), event.get(b"metadata"))
    public_files = PublicFiles.of(settings)
    return _message(event[b"params"].decode(), int(event[b"created_at"]), base_url.rstrip("/"), labels, public_files)


@lru_cache(MESSAGES_KEPT)
def _message(
    params: str,
    created_at: int,
    base_url: str,
    labels: tuple[bytes | None, bytes | None],
    public_files: PublicFiles,
) -> Message:
    event = EventParams.model_validate_json(params)
    named = {name: json.loads(text) for name, text in zip(("tags", "metadata"), labels, strict=True) if text}
    body = body_of(event, created_at, base_url, named, data_text(params), public_files)
    return Message(body, once=event.endpoint is not None)
