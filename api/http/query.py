"""Query parameters: one pydantic model for each endpoint. Unknown parameters are refused: they are likely misspelt."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.checks import Checks
from api.http.components import COMPONENT
from tasks.clock import read_rfc3339, to_ms
from tasks.refusal import Fault, Refusal
from tasks.validation import read_faults, refusal_of, shown

Q = TypeVar("Q", bound=BaseModel)

MAX_PAGE = 200
"""The number of entries that one page of a list may have."""
DEFAULT_PAGE = 50
MAX_CURSOR_CHARS = 300
UNKNOWN = "extra_forbidden"
"""How pydantic calls a field that the model does not have."""


class ListQuery(BaseModel):
    """The query of a list that is returned page by page."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(
        DEFAULT_PAGE, ge=1, le=MAX_PAGE, description="The maximum number of entries on the page.", examples=[10]
    )
    cursor: str | None = Field(None, max_length=MAX_CURSOR_CHARS, description="The `next` value of the previous page.")


def _read_timestamp(given: Any) -> datetime:
    advice = "Send a date-time such as '2026-11-20T08:00:00Z', or a date such as '2026-11-20', which is midnight UTC"
    if isinstance(given, datetime):
        return given
    if isinstance(given, str) and " " in given:
        advice += "; in a query, '+' is written '%2B'"
    if isinstance(given, str):
        with suppress(ValueError):
            return read_rfc3339(given)
    raise ValueError(f"{shown(given)} is no time. {advice}")


Timestamp = Annotated[
    datetime, BeforeValidator(_read_timestamp), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""A time in a request: RFC 3339, or a date. Pydantic's own would read `2027` as a second of 1970."""
WHEN = "An RFC 3339 date-time, or a date, which means midnight. A time without a zone is UTC."


class TimeRange(BaseModel):
    """A range of creation times. Both ends are included."""

    since: Timestamp | None = Field(
        None, description=f"Created at this time or later. {WHEN}", examples=["2026-11-20T08:00:00Z"]
    )
    until: Timestamp | None = Field(
        None, description=f"Created at this time or earlier. {WHEN}", examples=["2030-11-20T08:00:00Z"]
    )

    @property
    def since_ms(self) -> int:
        """The start in milliseconds since 1970, when nothing was before; 0 without one."""
        return max(0, to_ms(self.since)) if self.since else 0

    @property
    def until_ms(self) -> int | None:
        """The end in milliseconds since 1970; None without one."""
        return max(0, to_ms(self.until)) if self.until else None


def _one_owner(owner: str) -> str:
    if owner == "*":
        raise ValueError(
            "'*' stands for all owners in the lists of jobs, endpoints and schedules and in bulk actions only. "
            "Name one owner"
        )
    return owner


OF_OWNER: Final = ("unauthorized", "forbidden", "invalid_request", "not_found")
"""What any request with this query may be refused with."""


class OwnerQuery(BaseModel):
    """Whose a resource is, for admins."""

    model_config = ConfigDict(extra="forbid")

    owner: Annotated[str, AfterValidator(_one_owner)] | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Whose things are meant. Only admins (see ADMINS) may name another owner than themselves.",
    )


class OwnersQuery(BaseModel):
    """Whose things a list has, for admins."""

    model_config = ConfigDict(extra="forbid")

    owner: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="The owner whose things are meant, or `*` for all owners. Only admins (see ADMINS) may name `*` "
        "or another owner than themselves.",
    )


class Page(BaseModel):
    """A page of a list."""

    next: str | None = Field(None, description="The `cursor` of the next page. Absent on the last page.")


def query_of(request: Request, model: type[Q], checks: Checks | None = None) -> Q:
    """Read the query of a request.

    FastAPI takes about 0.4 ms to read a query as a model, more than everything else in a submit. This function takes
    nothing for a request without a query.

    Args:
        request: The request.
        model: The model of the query. It forbids other fields, and each of its fields has a default. Its `SEVERAL`, if
            it has such, names the parameters that may come several times.
        checks: Those of the request, to which parameters at fault are added. They have their defaults then.

    Raises:
        Refusal: `invalid_request`, with an error for every parameter at fault, if no checks are given.
    """
    if not request.scope["query_string"]:
        empty: Q = _defaults(model)
        return empty
    used = checks or Checks()
    given, doubled = _by_name(request, model)
    if doubled:
        used.add(refusal_of(doubled))

    def refused(error: ValidationError) -> Refusal:
        found = error.errors(include_url=False)
        known = f"The parameters are {', '.join(model.model_fields)}."
        unknown = [_unknown(str(fault["loc"][0]), known) for fault in found if fault["type"] == UNKNOWN]
        wrong = read_faults([fault for fault in found if fault["type"] != UNKNOWN], whole="query")
        return refusal_of([*unknown, *wrong])

    found = used.model(given, model, refused)
    if checks is None:
        used.done()
    return found or _defaults(model)


def _by_name(request: Request, model: type[BaseModel]) -> tuple[dict[str, Any], list[Fault]]:
    """The values of a query, and what is wrong where a parameter comes more than once that has one value."""
    found: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        found.setdefault(name, []).append(value)
    several: frozenset[str] = getattr(model, "SEVERAL", frozenset())
    doubled = [
        Fault(name, f"{name}: The parameter comes {len(values)} times. Send it once.")
        for name, values in found.items()
        if len(values) > 1 and name in model.model_fields and name not in several
    ]
    wrong = {fault.field for fault in doubled}
    given = {name: values if name in several else values[0] for name, values in found.items() if name not in wrong}
    return given, doubled


@cache
def _defaults(model: type[BaseModel]) -> Any:
    return model()


def _unknown(name: str, known: str) -> Fault:
    return Fault(name, f"{name}: The parameter is unknown. {known}")


def without_query(app: ASGIApp) -> ASGIApp:
    """Wrap an endpoint that has no query parameters, so that it refuses any.

    Raises:
        Refusal: From the returned application: `invalid_request`, with an error for every parameter.
    """

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        if names := dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)):
            raise refusal_of([_unknown(name, "This endpoint has no parameters.") for name in names])
        await app(scope, receive, send)

    return refuse


def documented_query(model: type[BaseModel]) -> dict[str, Any]:
    """The `openapi_extra` of an endpoint that reads its query as `model`."""
    parameters = []
    for name, schema in model.model_json_schema(ref_template=COMPONENT)["properties"].items():
        about = {key: schema.pop(key) for key in ("description",) if key in schema}
        examples = schema.pop("examples", [])
        named = {"examples": {str(n): {"value": value} for n, value in enumerate(examples)}} if examples else {}
        parameters.append({"name": name, "in": "query", "required": False, "schema": schema, **about, **named})
    return {"parameters": parameters}


def has_query(openapi_extra: Mapping[str, Any] | None) -> bool:
    """Whether `documented_query` is part of this `openapi_extra`."""
    return any(parameter["in"] == "query" for parameter in (openapi_extra or {}).get("parameters", ()))
