"""What one attempt at a delivery has sent, and what came back, as it is kept when the attempt fails."""

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from tasks.outbound.protocol import OutboundError, OutboundRequest, OutboundResponse
from tasks.webhook.exchanges.masking import SecretMask, shown_url

MAX_HEADER_BYTES: Final = 16 * 1024
"""Of the names and values of a response's headers that are kept. A receiver may send 72 KB of them."""
MAX_VALUE_CHARS: Final = 4 * 1024
"""Of one header's value. A longer one is cut."""
CHARSET: Final = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)
UTF_8: Final = "utf-8"
# fmt: off
ENCODINGS: Final = frozenset(
    (
        "us-ascii", "iso-8859-1", "iso-8859-2", "iso-8859-15", "windows-1250", "windows-1251", "windows-1252",
        "koi8-r", "utf-16", "utf-16le", "utf-16be", "shift_jis", "euc-jp", "iso-2022-jp", "euc-kr", "big5",
        "gbk", "gb2312", "gb18030",
    )
)
# fmt: on
"""That a response may name. Python knows some that are not of texts, or take long. Any other is read as UTF-8."""
CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
"""Characters that no text has: it is something else."""
MAX_CUT_BYTES: Final = 3
"""Of a character of UTF-8 that the limit may have cut."""
NO_BODY: Final = (204, 304)
"""Statuses whose responses have no body, whatever `content-length` says."""
MAX_DIGITS: Final = 18
"""Of a `content-length`; Python makes no number of thousands of digits."""


def exchange_of(
    request: OutboundRequest, answer: OutboundResponse | OutboundError, mask: SecretMask, max_bytes: int
) -> bytes:
    """The JSON that is kept of an attempt.

    Args:
        request: As it was given to the client.
        answer: What came back, or why nothing did.
        mask: Hides the secrets of the request.
        max_bytes: Bytes that are kept of each body.
    """
    # Its body is JSON of our own; what an owner publishes is not searched for secrets.
    body = {"bytes": len(request.content), **_text(request.content, "", max_bytes, SecretMask(()))}
    sent = {
        "method": request.method,
        "url": shown_url(request.url),
        "headers": mask.request_headers(answer.sent or request.headers),
        "body": body,
    }
    exchange: dict[str, Any] = {"request": sent}
    if isinstance(answer, OutboundResponse):
        exchange["response"] = _response_of(answer, mask, max_bytes)
    return json.dumps(exchange, ensure_ascii=False).encode(errors="replace")


def _response_of(answer: OutboundResponse, mask: SecretMask, max_bytes: int) -> dict[str, Any]:
    headers, are_cut = _bounded(answer.headers, mask)
    announced = answer.headers.get("content-length", "") if answer.status not in NO_BODY else ""
    body = _text(answer.excerpt, answer.headers.get("content-type", ""), max_bytes, mask)
    if announced.isascii() and announced.isdecimal():
        body["bytes"] = int(announced[:MAX_DIGITS])
        body["truncated"] |= body["bytes"] > len(answer.excerpt)
    elif not body["truncated"]:
        body["bytes"] = len(answer.excerpt)
    return {
        "status": answer.status,
        "headers": mask.response_headers(headers),
        "headers_truncated": are_cut,
        "body": body,
    }


def _bounded(headers: Mapping[str, str], mask: SecretMask) -> tuple[dict[str, str], bool]:
    """As many headers as are kept, and whether that is not all of them."""
    kept, size, are_cut = dict[str, str](), 0, False
    for name, value in headers.items():
        size += len(name) + min(len(value), MAX_VALUE_CHARS)
        if size > MAX_HEADER_BYTES:
            return kept, True
        if len(value) > MAX_VALUE_CHARS:
            are_cut, value = True, mask.hide_end(mask.hide(value[:MAX_VALUE_CHARS]))  # noqa: PLW2901
        kept[name] = value
    return kept, are_cut


def _text(content: bytes, media_type: str, max_bytes: int, mask: SecretMask) -> dict[str, Any]:
    """The first bytes of a body as `text`, if they are one, and whether that is not all of it (`truncated`)."""
    text = _decoded(content[:max_bytes], media_type)
    shown = {"text": mask.hide_end(mask.hide(text))} if text and not CONTROL.search(text) else {}
    return {"truncated": len(content) > max_bytes, **shown}


def _decoded(content: bytes, media_type: str) -> str | None:
    """The text that bytes are in the encoding that was named, or in UTF-8; None if they are none."""
    named = CHARSET.search(media_type)
    encoding = named[1].lower() if named and named[1].lower() in ENCODINGS else UTF_8
    for cut in range(MAX_CUT_BYTES + 1):
        with contextlib.suppress(UnicodeDecodeError):
            return content[: len(content) - cut].decode(encoding)
    return content.decode(encoding, errors="replace") if encoding != UTF_8 else None
