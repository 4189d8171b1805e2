"""Models that endpoints read or write themselves: FastAPI does not see them, so their modules add them to OpenAPI."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

COMPONENT = "#/components/schemas/{model}"
BINARY: dict[str, Any] = {
    "type": "string",
    "format": "binary",
    "contentMediaType": "application/octet-stream",
    "minLength": 1,
}
"""The schema of bytes: as OpenAPI 3.1 says it, and as the generators of clients know it."""
_models: dict[str, type[BaseModel]] = {}


def component(model: type[BaseModel]) -> dict[str, Any]:
    """Add a model to the OpenAPI document.

    Returns:
        A reference to it, to be used as a schema.

    Raises:
        ValueError: Another model has this name already.
    """
    if _models.setdefault(model.__name__, model) is not model:
        raise ValueError(f"two models of the API are named {model.__name__!r}: rename one")
    return {"$ref": COMPONENT.format(model=model.__name__)}


def documented_headers(**about: str) -> dict[str, Any]:
    """The headers that a response always has, for the `headers` of its documentation: what each says, by name."""
    return {name: {**header, "required": True} for name, header in possible_headers(**about).items()}


def possible_headers(**about: str) -> dict[str, Any]:
    """The headers that a response may have: as `documented_headers`."""
    schema = {"type": "string"}
    return {name: {"description": text, "required": False, "schema": schema} for name, text in about.items()}


def add_components(schemas: dict[str, Any]) -> None:
    """Add the schemas of all those models, and of those that they use.

    Args:
        schemas: By name: those of the models that FastAPI has seen.

    Raises:
        ValueError: Two different schemas have one name.
    """
    _, made = models_json_schema([(model, "validation") for model in _models.values()], ref_template=COMPONENT)
    for name, schema in made["$defs"].items():
        if schemas.setdefault(name, schema) != schema:
            raise ValueError(f"two schemas of the API are named {name!r}: rename one of the models")
