"""Forms, as browsers send them without files."""

from contextlib import aclosing
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request

from api.http.body import chunks_of, whole
from tasks.refusal import Refusal

FORM_BYTES: Final = 1_000_000
MAX_FIELDS: Final = 500
FORM_TYPE: Final = "application/x-www-form-urlencoded"

Form = ImmutableMultiDict[str, str]
"""The fields by name; `getlist` has all values of one."""


async def read_form(request: Request) -> Form:
    """Read the fields of a form.

    Args:
        request: The request, whose body has not been read.

    Raises:
        Refusal: `unsupported_media_type`, `too_large`, `malformed_request`.
    """
    kind = request.headers.get("content-type", FORM_TYPE).partition(";")[0].strip().lower()
    if kind != FORM_TYPE:
        raise Refusal(
            "unsupported_media_type", f"A form has the type {FORM_TYPE}, and this one {kind!r}.", field="Content-Type"
        )
    async with aclosing(chunks_of(request)) as chunks:
        body = await whole(request.headers, chunks, FORM_BYTES)
    try:
        return ImmutableMultiDict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError as error:
        raise Refusal(
            "malformed_request", f"The form cannot be read. It has at most {MAX_FIELDS} fields, in UTF-8.", field="body"
        ) from error
