"""What those may send who are restricted to one channel: the customers in a portal (`api.portal`)."""

from collections.abc import Mapping
from typing import Final

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


def headers_after(
    caller: Caller, url: str, given: Mapping[str, str] | None, stored: EndpointRecord
) -> Mapping[str, str] | None:
    """The headers of a changed endpoint. What was set for one URL, such as an owner's Authorization, is not sent to
    another one that a customer chooses: also another path of the same host may be someone else's.

    Args:
        caller: The caller, of a portal or not.
        url: The URL that it has from now on.
        given: The headers that are sent with the change, where MASK stands for what is stored; None if all are kept.
        stored: The endpoint as it is.

    Returns:
        As `given`; without any that are stored where a customer changes the URL.
    """
    if caller.channel is None or url == stored.url:
        return given
    return {name: value for name, value in (given or {}).items() if value != MASK}
