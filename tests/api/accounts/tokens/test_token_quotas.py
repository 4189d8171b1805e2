"""What pages use is the minter's: bytes count, the requests of its keys stay, and a token ends with its key."""

import httpx
import pytest
from arq.connections import ArqRedis
from pydantic import SecretStr

from tasks.queue.account_keys import UPLOAD_TOKEN
from tasks.settings import Settings
from tests.api.accounts.tokens.conftest import Mint, bearer
from tests.support.api.owned import ORIGIN
from tests.support.api.pictures import PNG
from tests.support.api.serving import ALICE, client_of, serving

SECOND_KEY = "another-key-of-alice-0123"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Bob is an admin."""
    return settings.model_copy(update={"admins": ("bob",), "cors_origins": (ORIGIN,)})


@pytest.mark.parametrize("target", ["images", "uploads"])
async def test_the_bytes_of_pages_are_the_minters(
    page: httpx.AsyncClient, alice: httpx.AsyncClient, bob: httpx.AsyncClient, mint: Mint, target: str
) -> None:
    token = (await mint(target=target, uses=5))["token"]
    assert (await page.post(f"/v1/{target}", content=PNG, headers=bearer(token))).status_code in (201, 202)
    assert (await alice.get("/v1/usage")).json()["days"][0]["bytes_in"] == len(PNG)
    await bob.post("/v1/owners", json={"name": "alice", "quotas": {"stored_bytes": 1}})
    refused = await page.post(f"/v1/{target}", content=PNG, headers=bearer(token))
    assert (refused.status_code, refused.json()["code"]) == (507, "owner_storage_full")


async def test_pages_do_not_use_up_the_requests_of_the_owners_keys(
    page: httpx.AsyncClient, alice: httpx.AsyncClient, bob: httpx.AsyncClient, mint: Mint
) -> None:
    tokens = [(await mint(uses=5))["token"] for _ in range(2)]
    quotas = {"requests_per_second": 1, "request_burst": 3}
    await bob.post("/v1/owners", json={"name": "alice", "quotas": quotas})
    answers = [await page.post("/v1/images", headers=bearer(tokens[number % 2])) for number in range(8)]
    assert [answer.status_code for answer in answers].count(429) >= 4
    assert (await alice.get("/v1/jobs")).status_code == 200


async def test_a_token_ends_with_the_key_of_the_settings_that_made_it(settings: Settings, redis: ArqRedis) -> None:
    both = settings.model_copy(update={"api_keys": (("alice", SecretStr(ALICE)), ("alice", SecretStr(SECOND_KEY)))})
    async with serving(both) as port, client_of(port) as first, client_of(port, SECOND_KEY) as second:
        tokens = [(await one.post("/v1/upload-tokens", json={"origin": ORIGIN})).json() for one in (first, second)]
    later = settings.model_copy(update={"api_keys": (("alice", SecretStr(SECOND_KEY)),)})
    async with serving(later) as port, client_of(port, None) as client:
        client.headers["Origin"] = ORIGIN
        answers = [await client.post("/v1/images", content=PNG, headers=bearer(one["token"])) for one in tokens]
    assert [answer.status_code for answer in answers] == [401, 202]
    kept = await redis.hgetall(UPLOAD_TOKEN + tokens[0]["id"])
    assert not any(ALICE.encode() in value for value in kept.values())
