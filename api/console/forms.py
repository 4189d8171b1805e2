"""Forms, as browsers send them without files."""

import json
from contextlib import aclosing
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request

from api.http.body import chunks_of, whole
from tasks.refusal import Refusal

FORM_BYTES: Final = 1_000_000
MAX_FIELDS: Final = 500
FORM_TYPE: Final = "application/x-www-form-urlencoded"

MAX_DEPTH: Final = 200
"""Of JSON in a field: what is below it is written and read on deeper stacks than here."""
MAX_DIGITS: Final = 18
"""Of a count: what has more is none, and Python would not even read thousands."""

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


def json_in(text: str) -> Any:
    """What is written in a field that takes JSON.

    Args:
        text: The field.

    Raises:
        ValueError: It is no JSON, or none that can be passed on: nested too deeply, or with half a surrogate pair.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise _too_deep() from None
    if _depth(value) > MAX_DEPTH:
        raise _too_deep()
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("it has half a surrogate pair (\\ud800 to \\udfff), which is no character") from None
    return value


def count_in(text: str) -> int | None:
    """The count that is written in a field; None if there is none of at most 18 digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else None


def _too_deep() -> ValueError:
    return ValueError(f"it is nested more than {MAX_DEPTH} deep")


def _depth(value: Any) -> int:
    """How many lists and objects are inside one another."""
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, (dict, list)) and one]:
        level = [child for one in level for child in (one.values() if isinstance(one, dict) else one)]
        depth += 1
    return depth
