"""Signed URLs on request: `POST /v1/jobs/{job_id}/files/{name}/url`."""

import time
from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import caller_for_owner
from api.http.checks import Checks
from api.http.durations import DURATION, seconds_of
from api.http.json_body import documented_body, examined, receive_text
from api.http.problems import documented
from api.http.query import OF_OWNER, OwnerQuery, documented_query
from api.jobs.files import FileName, file_of
from api.jobs.get import JobId, find_unexpired
from tasks.clock import from_ms
from tasks.refusal import Refusal
from tasks.settings.units import FOREVER_S
from tasks.validation import shown

router = APIRouter(prefix="/v1/jobs/{job_id}/files", tags=["public files"])

MAX_BODY_BYTES: Final = 1024


class PublicUrlRequest(BaseModel):
    """What a public URL is to allow."""

    model_config = ConfigDict(extra="forbid")

    expires: Annotated[str, Field(json_schema_extra={"pattern": f"^{DURATION}$"})] | None = Field(
        None,
        description="After how long it stops working: a number and `s`, `m`, `h` or `d`. Without it, it works as long "
        "as the job has the file.",
        examples=["1h"],
    )
    disposition: Literal["inline", "attachment"] = Field(
        "inline",
        description="`attachment`: browsers save the file. `inline`: they show it, if it is a picture, or a PDF on the "
        "host of PUBLIC_FILES_URL; whatever else is saved.",
    )


class PublicUrl(BaseModel):
    """A URL with which anyone can get a file, without an API key."""

    url: str = Field(description="The URL.", examples=["https://files.example.com/f/AfyL0kKXk.jpg"])
    expires_at: datetime | None = Field(
        None, description="When it stops working. Absent if it works as long as the job has the file."
    )


@router.post(
    "/{name}/url",
    operation_id="create_public_url",
    summary="Create a public URL",
    response_model=PublicUrl,
    responses=documented(*OF_OWNER, "not_ready", "expired", "unsupported_media_type", "too_large"),
    openapi_extra=documented_query(OwnerQuery)
    | documented_body(PublicUrlRequest, hour=("For an hour", {"expires": "1h"}), always=("As long as the file", {})),
)
@requires("jobs:read")
async def create_public_url(request: Request, job_id: JobId, name: FileName) -> Response:
    """The URL can stand in a page or an e-mail. It cannot be taken back alone: it ends with its time, with the job, or
    with the key that signed it.
    """
    caller, checks = caller_for_owner(request), Checks()
    requested = examined(await receive_text(request, MAX_BODY_BYTES), PublicUrlRequest, checks)
    seconds = None
    if requested is not None and isinstance(requested.expires, str):
        expires = requested.expires
        seconds = checks.run(lambda: _lifetime(expires))
    checks.done()
    assert requested is not None  # noqa: S101 - else the checks have failed
    record = await find_unexpired(caller, job_id)
    file, public_files = file_of(record, name), caller.public_files
    expires_at_s = None if seconds is None else int(time.time()) + seconds
    inline = requested.disposition == "inline"
    url = public_files.url(caller.base_url, record.id, file, inline=inline, expires_at_s=expires_at_s)
    return uncached(PublicUrl(url=url, expires_at=None if expires_at_s is None else from_ms(1000 * expires_at_s)))


def _lifetime(text: str) -> int:
    """Seconds. Raises: Refusal `invalid_request`."""
    seconds = seconds_of("expires", text)
    if seconds > FOREVER_S:
        message = f"expires: {shown(text)} is longer than a hundred years. Leave it out for a URL without expiry."
        raise Refusal("invalid_request", message, field="expires", limit=FOREVER_S)
    return seconds
