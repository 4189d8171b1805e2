"""Parts that the responses of all resources share."""

import json
import re
import secrets

from fastapi import Response
from pydantic import BaseModel, Field

_MARK = secrets.token_hex(16).encode()
"""Begins such strings. Nobody outside of this process can send one."""
_AS_SENT = re.compile(rb'"%b((?:[^"\\]|\\.)*)"' % _MARK)


class Error(BaseModel):
    """Why a job, an attempt or a delivery failed."""

    code: str = Field(description="A stable code for programs.", examples=["truncated"])
    message: str = Field(description="What happened and what to do, for people.")
    field: str | None = Field(None, description="The path of the input field at fault, such as `variants.0.width`.")


class Links(BaseModel):
    """URLs of this resource and of the actions that are possible now."""

    self: str = Field(description="The URL of this resource.")
    events: str | None = Field(None, description="The URL of its event stream, until it has ended.")
    cancellation: str | None = Field(None, description="The URL to cancel it, until it has ended.")
    retry: str | None = Field(None, description="The URL to retry it, if it can be retried.")


def json_of(view: BaseModel) -> bytes:
    """A view as JSON, with what `as_sent` has put into it."""
    body = view.model_dump_json(exclude_none=True).encode()
    return _AS_SENT.sub(_unquoted, body) if _MARK in body else body


def as_sent(text: bytes) -> str:
    """Stands in a view for JSON that is answered byte for byte: pydantic would write `12.5` for `12.50`."""
    return _MARK.decode() + text.decode()


def _unquoted(found: "re.Match[bytes]") -> bytes:
    text: str = json.loads(b'"%b"' % found[1])
    return text.encode()


def uncached(view: BaseModel, status: int = 200, **headers: str) -> Response:
    """A JSON response that must not be cached."""
    return Response(json_of(view), status, {"Cache-Control": "no-store", **headers}, "application/json")
