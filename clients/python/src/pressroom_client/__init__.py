"""Client for Pressroom: `Client`, `AsyncClient` and `verify_webhook`."""

from pressroom_client.async_client import AsyncClient
from pressroom_client.errors import (
    ApiError,
    JobFailedError,
    NoAnswerError,
    PressroomError,
    SignatureError,
    WaitTimeoutError,
)
from pressroom_client.options import EventOptions, JobOptions, TableOptions
from pressroom_client.records import File, Job, JobError
from pressroom_client.retries import Retries
from pressroom_client.sync_client import Client
from pressroom_client.webhooks import WebhookEvent, verify_webhook

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "EventOptions",
    "File",
    "Job",
    "JobError",
    "JobFailedError",
    "JobOptions",
    "NoAnswerError",
    "PressroomError",
    "Retries",
    "SignatureError",
    "TableOptions",
    "WaitTimeoutError",
    "WebhookEvent",
    "verify_webhook",
]
