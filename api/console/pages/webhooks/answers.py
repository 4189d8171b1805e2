"""Endpoints and deliveries as the API answers them, with None for what it leaves out."""

from collections.abc import Mapping
from typing import Any, Final

OF_ENDPOINT: Final = (
    *("description", "channel", "filters", "rate_limit", "max_in_flight", "public_key", "tags", "metadata"),
    *("disabled_reason", "disabled_at", "old_secrets_until"),
)
OF_DELIVERY: Final = ("type", "due_at", "finished_at", "expires_at", "error")
OF_ATTEMPT: Final = ("ended_at", "url", "status", "address", "timing", "answer", "error")


def whole_endpoint(answer: Mapping[str, Any]) -> dict[str, Any]:
    """An endpoint."""
    return {**dict.fromkeys(OF_ENDPOINT), **answer}


def whole_delivery(answer: Mapping[str, Any]) -> dict[str, Any]:
    """A delivery with its attempts; `last` is the last of them, without an outcome if there is none."""
    attempts = [{**dict.fromkeys(OF_ATTEMPT), **one} for one in answer["attempts"]]
    last = attempts[-1] if attempts else dict.fromkeys(OF_ATTEMPT)
    took_ms = (last["timing"] or {}).get("total")
    took_s = None if took_ms is None else took_ms / 1000
    return {**dict.fromkeys(OF_DELIVERY), **answer, "attempts": attempts, "last": last, "took_s": took_s}
