"""Parts that the responses of all resources share."""

import secrets

import msgspec
from fastapi import Response
from pydantic import BaseModel, Field

_MARK = secrets.token_hex(16).encode()
"""Begins and ends each string that stands for JSON. No client can send it, since it is random."""


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
    parts = view.model_dump_json(exclude_none=True).encode().split(_MARK)
    for position in range(1, len(parts), 2):
        parts[position] = msgspec.json.decode(b'"%b"' % parts[position], type=str).encode()
        parts[position - 1] = parts[position - 1].removesuffix(b'"')
        parts[position + 1] = parts[position + 1].removeprefix(b'"')
    return b"".join(parts)


def as_sent(text: bytes) -> str:
    """Stands in a view for JSON that is answered byte for byte: pydantic would write `12.5` for `12.50`."""
    mark = _MARK.decode()
    return mark + text.decode() + mark


def uncached(view: BaseModel, status: int = 200, **headers: str) -> Response:
    """A JSON response that must not be cached."""
    return Response(json_of(view), status, {"Cache-Control": "no-store", **headers}, "application/json")
