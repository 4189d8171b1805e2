"""What the reference of the API shows of the OpenAPI document."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from markupsafe import Markup, escape

Json = Mapping[str, Any]

REF: Final = "#/components/"
CODE: Final = re.compile(r"`([^`]+)`")
NULL: Final = {"type": "null"}
LIMITS: Final = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "matches {}",
    "format": "{}",
    "default": "default {}",
}
"""How a limit of a field is written."""
SAMPLES: Final = {
    "multipart/form-data": "-F file=@photo.jpg",
    "image/*": "-H 'Content-Type: image/jpeg' --data-binary @photo.jpg",
    "application/pdf": "-H 'Content-Type: application/pdf' --data-binary @pages.pdf",
}
"""What curl sends of a body that is no JSON, by its type; any other is a file of that type."""


@dataclass(frozen=True)
class ShownField:
    """A parameter, or a field of an object.

    Attributes:
        place: Where a parameter stands: path, query or header; empty for a field.
        type: The type, with links to objects.
        limits: What the value must be, besides.
    """

    name: str
    place: str
    type: Markup
    required: bool
    about: Markup
    limits: list[str]


@dataclass(frozen=True)
class ShownBody:
    """A body of one type. type: of the content. schema: what is in it; example: as it may be written, or nothing."""

    content_type: str
    schema: Markup
    fields: list[ShownField]
    example: str


@dataclass(frozen=True)
class ShownResponse:
    """What a request may be answered."""

    status: str
    about: Markup
    schema: Markup


@dataclass(frozen=True)
class ShownOperation:
    """One method of one path.

    Attributes:
        scopes: Of which a key needs one; None for an operation that needs no key.
        curl: A command that makes the request.
    """

    id: str
    method: str
    path: str
    summary: str
    about: Markup
    scopes: list[str] | None
    parameters: list[ShownField]
    bodies: list[ShownBody]
    responses: list[ShownResponse]
    curl: str


@dataclass(frozen=True)
class ShownGroup:
    """Operations about one thing."""

    name: str
    slug: str
    operations: list[ShownOperation]


@dataclass(frozen=True)
class ShownSchema:
    """An object that requests or responses have."""

    name: str
    about: Markup
    type: Markup
    fields: list[ShownField]


class Reference:
    """The OpenAPI document as pages show it.

    Args:
        document: The document.
    """

    def __init__(self, document: Json) -> None:
        self._document = document
        self._schemas: Json = document["components"]["schemas"]
        self.summary: str = document["info"]["summary"]

    @cached_property
    def groups(self) -> dict[str, ShownGroup]:
        """The groups by their part of the URL, in the order of the document's paths."""
        found: dict[str, ShownGroup] = {}
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                name = operation.get("tags", ["service"])[0]
                slug = name.replace(" ", "-")
                group = found.setdefault(slug, ShownGroup(name, slug, []))
                group.operations.append(self._operation(path, method, operation))
        return found

    def schema(self, name: str) -> ShownSchema | None:
        """An object by its name."""
        schema = self._schemas.get(name)
        if schema is None:
            return None
        return ShownSchema(name, prose(schema.get("description", "")), _type(schema), list(self._fields(schema)))

    def _operation(self, path: str, method: str, operation: Json) -> ShownOperation:
        keys = [one["key"] for one in operation.get("security", []) if "key" in one]
        bodies = [self._body(kind, one) for kind, one in operation.get("requestBody", {}).get("content", {}).items()]
        parameters = [self._field(one["name"], one["schema"], one) for one in operation.get("parameters", [])]
        return ShownOperation(
            id=operation["operationId"],
            method=method.upper(),
            path=path,
            summary=operation["summary"],
            about=prose(operation.get("description", "")),
            scopes=[scope for scopes in keys for scope in scopes] if operation.get("security") else None,
            parameters=parameters,
            bodies=bodies,
            responses=[self._response(status, one) for status, one in sorted(operation["responses"].items())],
            curl=_curl(method.upper(), path, bodies, needs_key=bool(operation.get("security"))),
        )

    def _body(self, content_type: str, content: Json) -> ShownBody:
        schema = content.get("schema", {})
        examples = [one["value"] for one in content.get("examples", {}).values()]
        example = next(iter(examples), content.get("example", ""))
        written = example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
        fields = [] if "$ref" in schema else list(self._fields(schema))
        return ShownBody(content_type, _type(schema), fields, written)

    def _response(self, status: str, response: Json) -> ShownResponse:
        if reference := response.get("$ref"):
            response = self._document["components"]["responses"][reference.rpartition("/")[2]]
        schemas = [one["schema"] for one in response.get("content", {}).values() if "schema" in one]
        return ShownResponse(status, prose(response["description"]), _type(schemas[0]) if schemas else Markup())

    def _fields(self, schema: Json) -> Iterator[ShownField]:
        required = schema.get("required", ())
        for name, field in schema.get("properties", {}).items():
            yield self._field(name, field, {"required": name in required})

    def _field(self, name: str, schema: Json, about: Json) -> ShownField:
        text = about.get("description") or schema.get("description", "")
        limited: Json = next((one for one in schema.get("anyOf", ()) if one.get("type") != "null"), {})
        limits = [
            words.format(_written(value)).replace(" 1 characters", " 1 character").replace(" 1 items", " 1 item")
            for limit, words in LIMITS.items()
            if (value := schema.get(limit, limited.get(limit))) is not None
        ]
        if place := about.get("in", ""):  # a parameter is left out, and never null
            schema = (
                {**schema, "anyOf": [one for one in schema["anyOf"] if one != NULL]} if "anyOf" in schema else schema
            )
        return ShownField(name, place, _type(schema), bool(about.get("required")), prose(text), limits)


def prose(text: str) -> Markup:
    """Text of the document as HTML: paragraphs, and code between backticks."""
    paragraphs = (Markup("<p>") + _with_code(one) + Markup("</p>") for one in text.split("\n\n") if one.strip())
    return Markup().join(paragraphs)


def _with_code(text: str) -> Markup:
    parts = CODE.split(text)
    coded = (Markup("<code>{}</code>").format(one) if place % 2 else escape(one) for place, one in enumerate(parts))
    return Markup().join(coded)


def _type(schema: Json) -> Markup:
    """A type in words, with links to objects."""
    match schema:
        case {"$ref": reference}:
            shown = Markup('<a href="/docs/schemas/{0}">{0}</a>').format(reference.rpartition("/")[2])
        case {"anyOf": choices} | {"oneOf": choices}:
            shown = Markup(" or ").join(dict.fromkeys(map(_type, choices)))
        case {"allOf": parts}:
            shown = Markup(" and ").join(map(_type, parts))
        case {"const": value}:
            shown = Markup("<code>{}</code>").format(_written(value))
        case {"enum": values}:
            shown = Markup(" or ").join(Markup("<code>{}</code>").format(_written(one)) for one in values)
        case {"type": "array", "items": items} if items:
            shown = Markup("list of ") + _type(items)
        case {"type": "array"}:
            shown = Markup("list")
        case {"type": "object", "additionalProperties": Mapping() as values}:
            shown = Markup("object with values of ") + _type(values)
        case {"type": str() as name}:
            shown = escape(name)
        case _:
            shown = Markup("any JSON")
    return shown


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _curl(method: str, path: str, bodies: list[ShownBody], *, needs_key: bool) -> str:
    """A command for a shell in which PRESSROOM_URL and PRESSROOM_KEY are set."""
    lines = [f'curl "$PRESSROOM_URL{path}"' if method == "GET" else f'curl -X {method} "$PRESSROOM_URL{path}"']
    if needs_key:
        lines.append('-H "Authorization: Bearer $PRESSROOM_KEY"')
    if bodies:
        body = next((one for one in bodies if one.example and "json" in one.content_type), bodies[0])
        lines.append(_sent(body))
    return " \\\n  ".join(lines)


def _sent(body: ShownBody) -> str:
    """What curl needs for a body."""
    kind = body.content_type
    if "json" in kind:
        text = json.dumps(json.loads(body.example), ensure_ascii=False) if body.example else "{}"
        return f"-H 'Content-Type: {kind}' -d {shlex.quote(text)}"
    return SAMPLES.get(kind, f"-H 'Content-Type: {kind}' --data-binary @file")
