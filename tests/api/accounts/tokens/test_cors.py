"""What browsers are told: which pages may send a token, and read the answers."""

import re
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis
from pydantic import ValidationError

from api.app import app
from api.http.access.tokens.routes import TOKEN_ROUTES
from tasks.settings import Settings
from tests.api.accounts.tokens.conftest import OTHER_ORIGIN, Mint, bearer
from tests.support.api.owned import ORIGIN
from tests.support.api.pictures import PNG
from tests.support.api.serving import ALICE, client_of, serving

CORS = re.compile("access-control-", re.IGNORECASE)
PATHS = {
    route.path.format(job_id="5" * 32, name="a.jpg", upload_id="5" * 32, resumable_id="5" * 32)
    for route in TOKEN_ROUTES
}


def cors_headers(answer: httpx.Response) -> list[str]:
    return [name for name in answer.headers if CORS.match(name)]


async def preflight(client: httpx.AsyncClient, path: str, origin: str = ORIGIN, method: str = "POST") -> httpx.Response:
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization,content-type"}
    return await client.request("OPTIONS", path, headers={"Origin": origin, **asked})


def test_the_routes_that_tokens_open_exist() -> None:
    known = {(method, route.path) for route in app.routes for method in getattr(route, "methods", None) or ()}  # type: ignore[attr-defined]
    assert {(method, route.path) for route in TOKEN_ROUTES for method in route.methods} <= known


@pytest.mark.parametrize("path", sorted(PATHS))
async def test_a_preflight_is_answered_without_a_key(page: httpx.AsyncClient, path: str) -> None:
    answer = await preflight(page, path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert answer.headers["Access-Control-Max-Age"] == "600"
    assert answer.headers["Vary"].startswith("Origin")
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", [OTHER_ORIGIN, "null", f"{ORIGIN}:443", f"{ORIGIN}/", ORIGIN.upper(), "*"])
async def test_a_preflight_of_another_page_is_refused(page: httpx.AsyncClient, origin: str) -> None:
    answer = await preflight(page, "/v1/images", origin)
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert cors_headers(answer) == []
    assert answer.headers["Vary"].startswith("Origin")


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/reports", "/v1/upload-tokens", "/v1/nothing"])
async def test_no_other_route_answers_preflights(page: httpx.AsyncClient, path: str) -> None:
    answer = await preflight(page, path)
    assert answer.status_code == 401
    assert cors_headers(answer) == []


async def test_only_what_tokens_may_do_is_offered(page: httpx.AsyncClient) -> None:
    answer = await preflight(page, f"/v1/jobs/{'5' * 32}", method="DELETE")
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD"


async def test_a_page_may_read_the_answers_to_its_token(page: httpx.AsyncClient, mint: Mint) -> None:
    token = (await mint())["token"]
    good = await page.post("/v1/images", content=PNG, headers=bearer(token))
    bad = await page.post("/v1/images", content=PNG, headers=bearer(token, Host="127.0.0.1"))
    unknown = await page.post("/v1/images", content=PNG, headers=bearer("pr_up_x"))
    other_route = await page.get("/v1/jobs", headers=bearer(token))
    assert (good.status_code, bad.status_code, unknown.status_code) == (202, 403, 401)
    for answer in (good, bad, unknown):
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "retry-after" in answer.headers["Access-Control-Expose-Headers"]
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
    assert cors_headers(other_route) == []


async def test_another_page_may_not_read_them(page: httpx.AsyncClient, mint: Mint) -> None:
    token = (await mint())["token"]
    for origin in (OTHER_ORIGIN, "null"):
        answer = await page.post("/v1/images", content=PNG, headers=bearer(token, Origin=origin))
        assert answer.status_code == 403
        assert cors_headers(answer) == []
        assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("path", ["/v1/images", "/v1/jobs", "/openapi.json", "/livez"])
async def test_a_request_with_an_api_key_has_no_cors_answer(alice: httpx.AsyncClient, path: str) -> None:
    for origin in (ORIGIN, OTHER_ORIGIN):
        for method in ("GET", "POST"):
            answer = await alice.request(method, path, headers={"Origin": origin})
            assert cors_headers(answer) == []
            assert ("Vary" in answer.headers) == (path == "/v1/images")


async def test_without_a_token_there_is_none_either(page: httpx.AsyncClient) -> None:
    answer = await page.post("/v1/images", content=PNG)
    assert (answer.status_code, cors_headers(answer)) == (401, [])


async def test_in_the_open_mode_only_a_token_lets_a_page_in(settings: Settings, redis: ArqRedis) -> None:
    opened = settings.model_copy(update={"api_keys": (), "dev": True})
    async with serving(opened) as port, client_of(port, None) as client:
        made = (await client.post("/v1/upload-tokens", json={"origin": ORIGIN})).json()
        assert (await preflight(client, "/v1/images")).status_code == 204
        headers = bearer(made["token"], Origin=ORIGIN)
        assert (await client.post("/v1/images", content=PNG, headers=headers)).status_code == 202
        for path in ("/v1/images", "/v1/jobs"):
            answer = await client.post(path, content=PNG, headers={"Origin": ORIGIN})
            assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")


@pytest.mark.parametrize(
    "origins",
    [
        *("*", "null", "app.example.com", "https://app.example.com/", "https://app.example.com:443", "http://a:80"),
        *("https://App.example.com", "https://*.example.com", "https://a.example,https://b.example/x", "ftp://a"),
        "https://user@a.example",
    ],
)
def test_origins_are_exact(origins: str) -> None:
    with pytest.raises(ValidationError, match="CORS_ORIGINS"):
        Settings(_env_file=None, cors_origins=origins)


@pytest.mark.parametrize(
    "origin", ["https://a.example", "http://localhost:5173", "http://[::1]:8080", "https://a:8443"]
)
def test_origins_are_read_as_browsers_write_them(origin: str) -> None:
    read: Any = Settings(_env_file=None, cors_origins=f" {origin} , https://b.example").cors_origins
    assert read == (origin, "https://b.example")


async def test_a_key_is_told_nothing_more_by_its_origin(alice: httpx.AsyncClient) -> None:
    """A stolen key is of no use to a page: the browser keeps the answer from it."""
    answer = await alice.get("/v1/jobs", headers={"Origin": ORIGIN, "Authorization": f"Bearer {ALICE}"})
    assert (answer.status_code, cors_headers(answer)) == (200, [])
