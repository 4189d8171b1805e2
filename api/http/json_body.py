"""JSON bodies, limited in size before they are parsed."""

from contextlib import aclosing
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic_core import from_json
from starlette.requests import Request

from api.http.body import SMALL_BODY_BYTES, chunks_of, whole
from api.http.checks import Checks
from api.http.components import component
from api.http.context import Context
from tasks.refusal import Refusal

M = TypeVar("M", bound=BaseModel)

JSON_TYPE = "application/json"
MAX_CONTAINERS = 20_000
"""Objects and lists of one body: each takes far more time and memory than anything else of its length. 256 KB of `[],`
would hold the event loop for 30 ms."""


def documented_body(model: type[BaseModel], *, required: bool = True, **examples: tuple[str, Any]) -> dict[str, Any]:
    """The OpenAPI request body of an endpoint that reads its body itself.

    Args:
        model: The model of the body.
        required: Whether the body may be left out.
        examples: By name, an example's summary and value.
    """
    named = {name: {"summary": summary, "value": value} for name, (summary, value) in examples.items()}
    content = {JSON_TYPE: {"schema": component(model), "examples": named}}
    return {"requestBody": {"required": required, "content": content}}


async def receive(request: Request, model: type[M], limit: int) -> M:
    """Read a JSON body of at most `limit` bytes as `model`. An empty body counts as an empty object.

    Raises:
        Refusal: `unsupported_media_type`, `too_large`, `invalid_request`, and those of the validators of `model`.
    """
    return read(await receive_text(request, limit), model)


async def receive_text(request: Request, limit: int) -> bytes:
    """Read the bytes of a JSON body of at most `limit` bytes. An empty body counts as an empty object.

    Raises:
        Refusal: `unsupported_media_type`, `too_large`.
    """
    check_type(request)
    async with aclosing(chunks_of(request)) as body:
        return await whole(request.headers, body, limit) or b"{}"


def check_type(request: Request) -> None:
    """Raises: Refusal `unsupported_media_type` unless the body is JSON."""
    content_type = content_type_of(request)
    if content_type.partition(";")[0].strip().lower() != JSON_TYPE:
        raise Refusal(
            "unsupported_media_type", f"Send {JSON_TYPE}. The Content-Type was {content_type!r}.", field="Content-Type"
        )


def content_type_of(request: Request) -> str:
    """The Content-Type of a body that is JSON if nothing else is said.

    Raises:
        Refusal: `unsupported_media_type` for a body without a type where there are no API keys: browsers send such
            ones for the pages of any site, without asking the server first.
    """
    headers = request.headers
    content_type = headers.get("content-type")
    if content_type is None:
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        context: Context = request.scope["state"]["context"]
        if has_body and context.keys.open:
            raise Refusal(
                "unsupported_media_type",
                f"The body has no Content-Type. Send one, such as {JSON_TYPE}: without API_KEYS it is needed.",
                field="Content-Type",
            )
    return content_type or JSON_TYPE


def read(text: bytes | str, model: type[M]) -> M:
    """Parse JSON as `model`.

    Args:
        text: The JSON.
        model: The model.

    Raises:
        Refusal: `invalid_request`, and those of the validators of `model`.
    """
    checks = Checks()
    found = checks.model(parse(text), model)
    checks.done()
    assert found is not None  # noqa: S101 - else the checks have failed
    return found


def parse(text: bytes | str, field: str = "body") -> Any:
    """Parse JSON.

    Raises:
        Refusal: `invalid_request`.
    """
    if len(text) > SMALL_BODY_BYTES:
        _check_containers(text.encode() if isinstance(text, str) else text)
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise Refusal("invalid_request", f"The {field} is not valid JSON: {error}.", field=field) from error


def _check_containers(text: bytes) -> None:
    count = text.count(b"{") + text.count(b"[")
    if count > MAX_CONTAINERS:
        message = f"The body has {count} JSON objects and lists. At most {MAX_CONTAINERS} are allowed."
        raise Refusal("too_many_objects", message, field="body", limit=MAX_CONTAINERS)


def examined(text: bytes | str, model: type[M], checks: Checks) -> M | None:
    """Parse a JSON body, and collect what is wrong with it.

    Args:
        text: The JSON.
        model: The model.
        checks: Those of the request.

    Returns:
        As `Checks.model`.
    """
    with checks.collect():
        return checks.model(parse(text), model)
    return None
