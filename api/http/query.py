"""Query parameters. Unknown parameters are refused, because they are most likely misspelt."""

from functools import cache
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel

from api.http.components import COMPONENT
from api.http.json_body import validated
from tasks.refusal import Refusal

M = TypeVar("M", bound=BaseModel)


def refuse_unknown(request: Request, *known: str) -> None:
    """Raises: Refusal `invalid_request` that names the first parameter which is none of `known`."""
    for name in request.query_params:
        if name not in known:
            there = f"there are {', '.join(known)}" if known else "there is none"
            raise Refusal("invalid_request", f"There is no parameter {name!r} here; {there}.", field=name)


def query_of(request: Request, model: type[M]) -> M:
    """The whole query as `model` has it, all of whose fields have defaults. What FastAPI does for a model of many
    parameters takes longer than all else in a submit; most submits have none.

    Raises: Refusal `invalid_request`.
    """
    if not request.scope["query_string"]:
        nothing: M = _nothing_said(model)
        return nothing
    refuse_unknown(request, *model.model_fields)
    return validated(dict(request.query_params), model, "query")


@cache
def _nothing_said(model: type[BaseModel]) -> Any:
    return model()


def documented_query(model: type[BaseModel]) -> list[dict[str, Any]]:
    """The parameters of a query that an endpoint reads itself, for OpenAPI."""
    parameters = []
    for name, schema in model.model_json_schema(ref_template=COMPONENT)["properties"].items():
        about = {key: schema.pop(key) for key in ("description",) if key in schema}
        examples = schema.pop("examples", [])
        named = {"examples": {str(n): {"value": value} for n, value in enumerate(examples)}} if examples else {}
        parameters.append({"name": name, "in": "query", "required": False, "schema": schema, **about, **named})
    return parameters
