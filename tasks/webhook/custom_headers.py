"""Headers that the owner of an endpoint adds to its deliveries, such as a gateway's token."""

import re
from collections.abc import Container, Mapping
from typing import Final

from tasks.refusal import Fault, Refusal

MAX_HEADERS: Final = 20
MAX_BYTES: Final = 4 * 1024
"""Of all names and values of an endpoint together."""
OURS: Final = frozenset(
    {
        "host",
        "content-length",
        "content-type",
        "content-encoding",
        "connection",
        "transfer-encoding",
        "accept-encoding",
        "user-agent",
        "cookie",
        "expect",
        "te",
        "trailer",
        "upgrade",
        "keep-alive",
        "traceparent",
        "tracestate",
    }
)
"""Set by Pressroom or by the HTTP connection: how the request is framed, and who sends it."""
OUR_BEGINNINGS: Final = ("proxy-", "webhook-", "x-forwarded-", "sec-")
NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""RFC 9110, `token`."""
VALUE: Final = re.compile(r"[!-~]([ -~]*[!-~])?")
"""Visible ASCII, with spaces inside."""
MASK: Final = "***"
"""Stands for a secret where a record is shown."""
UNREADABLE: Final = "(encrypted with another SECRET_KEY)"
"""Shown for the value of a header that cannot be decrypted; its owner can set it again."""


def check_headers(headers: Mapping[str, str]) -> None:
    """Check the custom headers of an endpoint. Raises: Refusal `invalid_request`, with a fault for each invalid one."""
    if len(headers) > MAX_HEADERS:
        raise _refusal("", f"An endpoint can have at most {MAX_HEADERS} headers, not {len(headers)}", MAX_HEADERS)
    if sum(len(name) + len(value) for name, value in headers.items()) > MAX_BYTES:
        raise _refusal("", f"The names and values are longer than the limit of {MAX_BYTES} bytes in total", MAX_BYTES)
    seen: set[str] = set()
    refusals = []
    for name, value in headers.items():
        if refusal := _check_header(name, value, seen):
            refusals.append(refusal)
        seen.add(name.lower())
    if refusals:
        refusals[0].faults = tuple(Fault(one.field or "headers", one.message) for one in refusals)
        raise refusals[0]


def masked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers to be shown: their names, and no values."""
    return {name: value if value == UNREADABLE else MASK for name, value in headers.items()}


def unmasked_headers(given: Mapping[str, str], stored: Mapping[str, str]) -> dict[str, str]:
    """Headers that an owner sends, where MASK keeps the value that is stored: what was shown can be sent back.

    Args:
        given: Names and values.
        stored: What the endpoint has, decrypted.

    Raises:
        Refusal: `invalid_request`, for each MASK without a readable value.
    """
    known = {name.lower(): value for name, value in stored.items() if value != UNREADABLE}
    found = {name: known.get(name.lower(), MASK) if value == MASK else value for name, value in given.items()}
    faults = [
        Fault(f"headers.{name}", f"headers.{name}: {MASK} stands for a value that is set, and there is none. Send it.")
        for name, value in found.items()
        if value == MASK
    ]
    if faults:
        refusal = Refusal("invalid_request", faults[0].message, field=faults[0].field)
        refusal.faults = tuple(faults)
        raise refusal
    return found


def _check_header(name: str, value: str, seen: Container[str]) -> Refusal | None:
    lower = name.lower()
    if not NAME.fullmatch(name):
        return _refusal("", f"{name!r} is not a valid header name. Use letters, digits and hyphens")
    if lower in OURS or lower.startswith(OUR_BEGINNINGS):
        return _refusal(name, "This header is set by the service. Leave it out")
    if lower in seen:
        return _refusal(name, "This header is sent twice. Header names are case-insensitive")
    if not VALUE.fullmatch(value):
        return _refusal(name, "The value must be visible ASCII without spaces at the ends")
    return None


def _refusal(name: str, sentence: str, limit: int | None = None) -> Refusal:
    field = f"headers.{name}" if name else "headers"
    return Refusal("invalid_request", f"{field}: {sentence}.", field=field, limit=limit)
