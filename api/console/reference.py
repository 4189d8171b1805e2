"""The reference of the HTTP API for people: `/docs`, made from the OpenAPI document that machines read."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response

from api.console.html import page, render
from api.console.operations import Reference
from tasks.refusal import Refusal

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def get_reference(request: Request) -> Response:
    """All operations, by what they are about."""
    reference = await _reference_of(request)
    return page(request, render("reference.html", **_common(reference), current=None))


@router.get("/docs/schemas/{name}")
async def get_schema(request: Request) -> Response:
    """The fields of one object that requests or responses have."""
    reference = await _reference_of(request)
    schema = reference.schema(request.path_params["name"])
    if schema is None:
        raise Refusal("not_found", "The API has no object of this name. /docs lists what there is.")
    return page(request, render("schema.html", **_common(reference), current=None, schema=schema))


@router.get("/docs/{group}")
async def get_group(request: Request) -> Response:
    """The operations about one thing, such as images."""
    reference = await _reference_of(request)
    group = reference.groups.get(request.path_params["group"])
    if group is None:
        raise Refusal("not_found", "The reference has no such page. /docs lists what there is.")
    return page(request, render("group.html", **_common(reference), current=group.slug, group=group))


async def _reference_of(request: Request) -> Reference:
    """Made once in a process, in a thread: the document takes a third of a second."""
    known: Reference | None = getattr(request.app.state, "reference", None)
    if known is None:
        known = await asyncio.to_thread(lambda: Reference(request.app.openapi()))
        request.app.state.reference = known
    return known


def _common(reference: Reference) -> dict[str, Any]:
    return {"summary": reference.summary, "groups": reference.groups.values()}
