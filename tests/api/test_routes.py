from fastapi import APIRouter

from api.app import app
from api.routes import in_order
from tests.test_laws import MODULES


def test_every_module_with_a_router_is_part_of_the_api() -> None:
    named = {module for module, path in MODULES.items() if "\nrouter = APIRouter(" in path.read_text(encoding="utf-8")}
    endpoints = (getattr(route, "endpoint", None) for route in app.routes)
    served = {endpoint.__module__ for endpoint in endpoints if endpoint is not None}
    assert named <= served
    assert len(named) >= 20


def test_a_fixed_path_is_tried_before_one_with_a_parameter() -> None:
    router = APIRouter()

    async def endpoint() -> None: ...

    paths = [
        "/v1/{path:path}",
        "/v1/queues",
        "/v1/jobs/{id}",
        "/v1/images",
        "/v1/jobs/{id}/retry",
        "/v1/jobs/failed/retry",
        "/v1/jobs/failed",
    ]
    for path in paths:
        router.add_api_route(path, endpoint)
    assert [getattr(route, "path", "") for route in in_order(router.routes)] == [
        "/v1/images",  # a busy resource
        "/v1/jobs/failed",
        "/v1/jobs/failed/retry",
        "/v1/jobs/{id}",
        "/v1/jobs/{id}/retry",
        "/v1/queues",
        "/v1/{path:path}",
    ]
