"""Every endpoint: a module under `api` that has a `router` is part of the API, without being listed anywhere."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable
from copy import copy
from functools import cache
from typing import TypeGuard

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, request_response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import api
from api import accounts
from api.http.access.auditor import with_audit
from api.http.access.auth import PROTECTED
from api.http.access.scopes import heeds_channel, required_scopes, with_scopes
from api.http.query import has_query, without_query

BUSIEST = ("/v1/images", "/v1/events", "/v1/reports", "/v1/jobs", "/v1/uploads")
"""What most requests are for. The router tries one route after another, and each that does not match takes 5 µs."""


def all_routes() -> list[BaseRoute]:
    """The routes of all modules under `api`, in an order in which each can be reached; those for HEAD stand last."""
    routes = in_order(_guarded(route) for router in _routers() for route in router.routes)
    own_heads = {route.path for route in routes if isinstance(route, APIRoute) and "HEAD" in (route.methods or ())}
    return [*routes, *(_head_of(route) for route in routes if _is_get(route) and route.path not in own_heads)]


def in_order(routes: Iterable[BaseRoute]) -> list[BaseRoute]:
    """Routes in the order in which a request tries them.

    Those of one resource (`/v1/jobs`) stand together, the busiest resources first. Within a resource a fixed segment
    comes before a parameter: `/v1/jobs/retry` before `/v1/jobs/{job_id}`. One for any path comes last.
    """
    places = {tuple(path.split("/")): place for place, path in enumerate(BUSIEST)}

    def precedence(route: BaseRoute) -> tuple[bool, int, list[bool]]:
        path: str = getattr(route, "path", "")
        segments = tuple(path.split("/"))
        place = places.setdefault(segments[:3], len(places))
        return path.endswith(":path}"), place, [segment.startswith("{") for segment in segments]

    return sorted(routes, key=precedence)


def _guarded(route: BaseRoute) -> BaseRoute:
    """A route under `/v1` that refuses senders without its scope, and unknown query parameters; a route with parameters
    refuses those itself."""
    if not isinstance(route, APIRoute) or not route.path.startswith(PROTECTED):
        return route
    guarded = copy(route)
    app = _app_of(route)
    app = app if has_query(route.openapi_extra) else without_query(app)
    if route.endpoint.__module__.startswith(f"{accounts.__name__}."):
        app = with_audit(app)
    scopes, by_channel = required_scopes(route.endpoint), heeds_channel(route.endpoint)
    app = with_audit(app, only_portals=True) if by_channel else app
    guarded.app = with_scopes(app, scopes, by_channel=by_channel)
    return guarded


def _app_of(route: APIRoute) -> ASGIApp:
    """What answers: for an endpoint that takes the request and returns the response, Starlette's own, since FastAPI's
    looks for parameters, dependencies and a model in 60 µs more."""
    names = list(inspect.signature(route.endpoint).parameters)
    if names == ["request"] and not route.dependencies and inspect.iscoroutinefunction(route.endpoint):
        return request_response(route.endpoint)
    return route.app


def _is_get(route: BaseRoute) -> TypeGuard[APIRoute]:
    return isinstance(route, APIRoute) and "GET" in (route.methods or ())


def _head_of(route: APIRoute) -> APIRoute:
    """A route that answers HEAD as `route` answers GET, and stops where the body would begin. It is not documented."""
    twin = copy(route)
    twin.methods = {"HEAD"}
    twin.include_in_schema = False

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body"})  # so that a stream of events ends here too

        await route.app(scope, receive, send_head)

    twin.app = answer
    return twin


@cache
def _routers() -> list[APIRouter]:
    names = [module.name for module in pkgutil.walk_packages(api.__path__, f"{api.__name__}.")]
    modules = [importlib.import_module(name) for name in names]
    routers = [getattr(module, "router", None) for module in modules]
    return [router for router in routers if isinstance(router, APIRouter)]
