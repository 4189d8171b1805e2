"""Parts that the responses of all resources share."""

from fastapi import Response
from pydantic import BaseModel, Field


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
    return view.model_dump_json(exclude_none=True).encode()


def uncached(view: BaseModel, status: int = 200, **headers: str) -> Response:
    """A JSON response that must not be cached."""
    return Response(json_of(view), status, {"Cache-Control": "no-store", **headers}, "application/json")
