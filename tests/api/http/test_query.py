"""Queries: one model an endpoint, unknown parameters refused everywhere, all faults at once."""

import httpx
from fastapi.routing import APIRoute

from api.http.access.auth import PROTECTED
from api.routes import all_routes


def test_fastapi_reads_no_query() -> None:
    """FastAPI takes longer to read a query than everything else in a submit; `query_of` does it."""
    routes = [route for route in all_routes() if isinstance(route, APIRoute)]
    assert len(routes) > 40
    assert [route.path for route in routes if route.dependant.query_params] == []


async def test_every_parameter_at_fault_is_listed(alice: httpx.AsyncClient) -> None:
    problem = (await alice.get("/v1/jobs?limit=0&stat=failed&since=today")).json()
    assert (problem["code"], problem["field"]) == ("invalid_request", "stat")
    assert {error["field"] for error in problem["errors"]} == {"stat", "limit", "since"}
    assert problem["detail"] == problem["errors"][0]["message"]
    assert "The parameters are " in problem["detail"]


async def test_an_endpoint_without_parameters_refuses_any(alice: httpx.AsyncClient) -> None:
    for method, path in (("POST", "/v1/batches"), ("POST", "/v1/portal-links")):
        assert path.startswith(PROTECTED)
        answer = await alice.request(method, f"{path}?dry_run=true")
        assert (answer.status_code, answer.json()["field"]) == (422, "dry_run"), path
        assert answer.json()["detail"] == "dry_run: The parameter is unknown. This endpoint has no parameters."
