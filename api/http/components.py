"""Models that endpoints read or write themselves: FastAPI does not see them, so their modules add them to OpenAPI."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

COMPONENT = "#/components/schemas/{model}"
_models: dict[str, type[BaseModel]] = {}


def component(model: type[BaseModel]) -> dict[str, Any]:
    """Add a model to the OpenAPI document.

    Returns:
        A reference to it, to be used as a schema.
    """
    _models[model.__name__] = model
    return {"$ref": COMPONENT.format(model=model.__name__)}


def components() -> dict[str, Any]:
    """The schemas of all models that were added, and of those that they use, by name."""
    _, schema = models_json_schema([(model, "validation") for model in _models.values()], ref_template=COMPONENT)
    schemas: dict[str, Any] = schema["$defs"]
    return schemas
