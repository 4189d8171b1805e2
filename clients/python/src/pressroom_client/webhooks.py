"""Verifies what Pressroom sends to a webhook endpoint (Standard Webhooks)."""

import base64
import binascii
import hmac
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pressroom_client.errors import SignatureError

TOLERANCE_S = 5 * 60
SECONDS = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """An event that has arrived.

    id: The same for each copy of the event: keep those that were handled for four days.
    type: What happened, such as `job.succeeded`.
    timestamp: When (ISO 8601, UTC).
    data: What it says.
    raw: The whole body.
    """

    id: str
    type: str
    timestamp: str
    data: Any
    raw: Mapping[str, Any] = field(repr=False)


def verify_webhook(
    body: bytes, headers: Mapping[str, str], secret: str, *, tolerance_s: float = TOLERANCE_S
) -> WebhookEvent:
    """The event in a request, if it was signed with the secret a short time ago.

    Args:
        body: The bytes as they came. JSON that was read and written again has other bytes.
        headers: Of the request; capitals do not matter.
        secret: The endpoint's: `whsec_…`. After a rotation the old and the new one are right for a day.
        tolerance_s: Seconds by which the time in the request may differ from now.

    Raises:
        SignatureError: Do not trust the request. Answer 400.
        ValueError: The secret is none.
    """
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError("The secret is no whsec_… with base64 behind it.")
    given = {name.lower(): value for name, value in headers.items()}
    sent_id, sent_at, signatures = (given.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not SECONDS.fullmatch(sent_at) or abs(time.time() - int(sent_at)) > tolerance_s:
        raise SignatureError("The time of the request is missing, too old, or in the future.")
    signed = f"{sent_id}.{sent_at}.".encode(errors="replace") + body
    expected = base64.b64encode(hmac.digest(key, signed, "sha256"))
    for entry in signatures.split():
        version, _, signature = entry.partition(",")
        if version == "v1" and hmac.compare_digest(signature.encode(errors="replace"), expected):
            event = json.loads(body)
            return WebhookEvent(sent_id, event["type"], event["timestamp"], event["data"], event)
    raise SignatureError("No signature of the request fits the secret.")
