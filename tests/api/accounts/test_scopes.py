"""Each route names the scope that it needs, and a key without it is refused."""

from typing import get_args

from fastapi.routing import APIRoute

from api.accounts.key_views import ScopeName
from api.app import app
from api.http.access.auth import PROTECTED
from api.http.access.scopes import names_scopes, required_scopes
from tasks.accounts.scopes import ALL_SCOPES, SCOPES


def protected_routes() -> list[APIRoute]:
    return [route for route in app.routes if isinstance(route, APIRoute) and route.path.startswith(PROTECTED)]


def test_every_route_names_its_scope() -> None:
    routes = protected_routes()
    assert len(routes) > 50
    assert [route.path for route in routes if not names_scopes(route.endpoint)] == []
    assert {scope for route in routes for scope in required_scopes(route.endpoint)} <= ALL_SCOPES


def test_the_document_says_which_scope_an_operation_needs() -> None:
    paths = app.openapi()["paths"]
    assert paths["/v1/jobs"]["get"]["security"] == [{"key": ["jobs:read"]}]
    assert paths["/v1/uploads"]["post"]["security"] == [
        {"key": ["images"]},
        {"key": ["reports"]},
        {"upload_token": []},
    ]
    assert paths["/metrics"]["get"]["security"] == [{"key": ["admin"]}]
    for path, operations in paths.items():
        for operation in operations.values():
            assert bool(operation.get("security")) == (path.startswith(PROTECTED) or path == "/metrics"), path
            if path.startswith(PROTECTED):
                assert {"401", "403", "422", "503"} <= operation["responses"].keys()


def test_a_key_can_be_given_every_scope() -> None:
    assert get_args(ScopeName) == tuple(SCOPES)


def test_a_route_that_names_no_scope_is_for_admins() -> None:
    async def endpoint() -> None: ...

    assert required_scopes(endpoint) == ("admin",)
