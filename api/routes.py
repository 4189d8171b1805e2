"""Every endpoint: a module under `api` that has a `router` is part of the API, without being listed anywhere."""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator

from fastapi import APIRouter
from starlette.routing import BaseRoute

import api


def all_routes() -> list[BaseRoute]:
    """The routes of all modules under `api`, in an order in which each can be reached."""
    return in_order(route for router in _routers() for route in router.routes)


def in_order(routes: Iterable[BaseRoute]) -> list[BaseRoute]:
    """Routes in the order in which a request tries them.

    Those of one resource (`/v1/jobs`) stand together, resources in the order in which they first appear. Within a
    resource a fixed segment comes before a parameter: `/v1/jobs/retry` before `/v1/jobs/{job_id}`.
    """
    places: dict[tuple[str, ...], int] = {}

    def precedence(route: BaseRoute) -> tuple[int, list[bool]]:
        segments = tuple(getattr(route, "path", "").split("/"))
        place = places.setdefault(segments[:3], len(places))
        return place, [segment.startswith("{") for segment in segments]

    return sorted(routes, key=precedence)


def _routers() -> Iterator[APIRouter]:
    for module in pkgutil.walk_packages(api.__path__, "api."):
        router = getattr(importlib.import_module(module.name), "router", None)
        if isinstance(router, APIRouter):
            yield router
