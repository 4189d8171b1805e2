"""What those may send who are restricted to one channel: the customers in a portal (`api.portal`)."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from api.http.caller import Caller
from api.webhooks.endpoint_views import EndpointChange, EndpointRequest
from tasks.refusal import Refusal
from tasks.webhook.custom_headers import MASK
from tasks.webhook.endpoint_record import EndpointRecord

OWNERS_FIELDS: Final = ("tags", "metadata")
"""What an owner notes on an endpoint. It is neither shown nor changed in a portal."""


def check_channel(caller: Caller, requested: EndpointRequest | EndpointChange, *, is_new: bool = False) -> None:
    """Refuse fields that are the owner's alone.

    Args:
        caller: The caller, of a portal or not.
        requested: The endpoint, or its change.
        is_new: Whether it is a new one, which may name the channel that it gets anyway.

    Raises:
        Refusal: `token_forbids`.
    """
    if caller.channel is None:
        return
    if "channel" in requested.model_fields_set and not (is_new and requested.channel in (None, caller.channel)):
        message = "channel: The endpoints of a portal are of its channel, and stay so. Leave the field out."
        raise Refusal("token_forbids", message, field="channel")
    for name in OWNERS_FIELDS:
        if name in requested.model_fields_set:
            raise Refusal("token_forbids", f"{name}: Only the owner of a portal sets this. Leave it out.", field=name)


def check_move(caller: Caller, url: str, given: Mapping[str, str] | None, stored: EndpointRecord) -> None:
    """Refuse to send header values that are stored to a server of the customer's choice: those of the owner are secret.

    Args:
        caller: The caller, of a portal or not.
        url: The new URL.
        given: The headers that are sent with it, as they were sent; None if there are none, so that all are kept.
        stored: The endpoint as it is.

    Raises:
        Refusal: `invalid_request`.
    """
    if caller.channel is None or _origin_of(url) == _origin_of(stored.url):
        return
    kept = [*stored.headers] if given is None else [name for name, value in given.items() if value == MASK]
    if kept:
        message = (
            "headers: Stored values are not sent to another server. Send each value again, or leave the header out, "
            "when 'url' gets another scheme, host or port."
        )
        raise Refusal("invalid_request", message, field="headers")


def _origin_of(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()
