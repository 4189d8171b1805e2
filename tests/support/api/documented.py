"""Holds every response that a test of the API gets against the OpenAPI document: status, type, headers and JSON."""

import re
from functools import cache
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]

from api.app import create_app


@cache
def document() -> dict[str, Any]:
    return create_app().openapi()


@cache
def _paths() -> list[tuple[re.Pattern[str], str]]:
    # A fixed segment comes before a parameter, as for the router.
    places = sorted(document()["paths"], key=lambda place: [segment.startswith("{") for segment in place.split("/")])
    return [(re.compile(re.sub(r"{\w+}", "[^/]+", place)), place) for place in places]


def _response(place: str, method: str, status: str) -> Any:
    return _whole(document()["paths"][place][method]["responses"].get(status), "responses")


def _whole(found: Any, components: str) -> Any:
    """What is documented, also where it stands among the components."""
    named = (found or {}).get("$ref", "").rpartition("/")[2]
    return document()["components"][components][named] if named else found


@cache
def _judge(place: str, method: str, status: str, media_type: str) -> Any:
    content = _response(place, method, status)["content"][media_type]
    schema = {**content.get("schema", {}), "components": document()["components"]}
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


async def check_documented(response: httpx.Response) -> None:
    """An event hook of httpx. Raises: AssertionError that says what is not documented."""
    request = response.request
    place = next((place for pattern, place in _paths() if pattern.fullmatch(request.url.path)), None)
    operations = document()["paths"].get(place, {})
    method = request.method.lower()
    if method == "head" and method not in operations:
        method = "get"
    if method not in operations:
        return
    what = f"{request.method} {place}: {response.status_code}"
    documented = _response(place or "", method, str(response.status_code))
    assert documented is not None, f"{what} is not documented"
    headers = {name: _whole(header, "headers") for name, header in documented.get("headers", {}).items()}
    for name, header in headers.items():
        assert name in response.headers or not header["required"], f"{what} has no {name}"
    # Responses that any request may get stand in one place for all, with and without limits.
    is_own = "$ref" not in document()["paths"][place][method]["responses"][str(response.status_code)]
    for name in document()["components"]["headers"] if is_own else ():
        assert name not in response.headers or name in headers, f"{what} has {name}, which is not documented"
    media_type = response.headers.get("content-type", "").partition(";")[0]
    content = documented.get("content", {})
    if media_type and request.method != "HEAD":
        assert media_type in content or "*/*" in content, f"{what} is {media_type}, and documented as {list(content)}"
    if media_type.endswith("json") and media_type in content and request.method != "HEAD":
        await response.aread()
        _judge(place or "", method, str(response.status_code), media_type).validate(response.json())
