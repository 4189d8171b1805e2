"""What the two tokens for pages open of all routes of the OpenAPI document: those of the table, and no later one."""

import httpx
import pytest

from api.http.access.tokens.routes import TOKEN_ROUTES, TokenKind
from tests.api.accounts.test_roles import PROTECTED, UNKNOWN
from tests.api.accounts.tokens.conftest import Mint, bearer
from tests.support.api.pictures import PNG


@pytest.mark.parametrize("kind", ["upload_token", "job_token"])
async def test_a_token_is_refused_by_every_route_that_is_not_in_its_table(
    page: httpx.AsyncClient, mint: Mint, kind: TokenKind
) -> None:
    token = (await mint())["token"]
    if kind == "job_token":
        token = (await page.post("/v1/images", content=PNG, headers=bearer(token))).json()["token"]
    walked = 0
    for one in PROTECTED:
        if any(route.kind == kind and route.opens(one.method, one.path) for route in TOKEN_ROUTES):
            continue
        answer = await page.request(one.method, one.url(UNKNOWN), headers=bearer(token))
        assert answer.status_code == 403, one
        assert not answer.content or answer.json()["code"] == "token_forbids", one
        walked += 1
    assert walked > 60
