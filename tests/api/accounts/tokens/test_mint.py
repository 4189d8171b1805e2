"""Minting upload tokens: `/v1/upload-tokens`."""

from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.account_keys import UPLOAD_TOKEN, UPLOAD_TOKENS
from tasks.settings import Settings
from tests.api.accounts.tokens.conftest import Mint
from tests.support.api.owned import ORIGIN
from tests.support.api.serving import client_of, serving


async def test_a_token_is_answered_once_and_described_without_itself(alice: httpx.AsyncClient, mint: Mint) -> None:
    made = await mint(variants="avatar", types=["image/png"], uses=3, metadata={"user": 42}, tags=["a"], expires="15m")
    token = made.pop("token")
    assert token.startswith("pr_up_")
    assert made["used"] == 0
    assert (made["variants"], made["types"], made["uses"]) == ("avatar", ["image/png"], 3)
    assert (made["metadata"], made["tags"], made["target"], made["origin"]) == ({"user": 42}, ["a"], "images", ORIGIN)
    described = await alice.get(f"/v1/upload-tokens/{made['id']}")
    assert described.json() == made
    listed = (await alice.get("/v1/upload-tokens")).json()
    assert listed == {"upload_tokens": [made]}
    assert token not in described.text


async def test_tokens_of_others_are_unknown(bob: httpx.AsyncClient, mint: Mint) -> None:
    made = await mint()
    strange, unknown = f"/v1/upload-tokens/{made['id']}", f"/v1/upload-tokens/{'0' * 32}"
    for method in ("GET", "DELETE"):
        first, second = await bob.request(method, strange), await bob.request(method, unknown)
        assert first.status_code == second.status_code == 404
        assert first.json()["detail"].replace(made["id"], "0" * 32) == second.json()["detail"]
    assert (await bob.get("/v1/upload-tokens")).json() == {"upload_tokens": []}


async def test_tokens_are_listed_page_by_page(alice: httpx.AsyncClient, mint: Mint) -> None:
    ids = [(await mint(expires=f"{minutes}m"))["id"] for minutes in (3, 1, 2)]
    first = (await alice.get("/v1/upload-tokens", params={"limit": 2})).json()
    assert [one["id"] for one in first["upload_tokens"]] == [ids[1], ids[2]]
    rest = (await alice.get("/v1/upload-tokens", params={"limit": 2, "cursor": first["next"]})).json()
    assert [one["id"] for one in rest["upload_tokens"]] == [ids[0]]
    assert "next" not in rest


async def test_tokens_that_have_ended_take_no_place_on_a_page(
    alice: httpx.AsyncClient, mint: Mint, redis: ArqRedis
) -> None:
    gone, *alive = [(await mint())["id"] for _ in range(5)]
    await redis.delete(UPLOAD_TOKEN + gone)  # as it expires; the index is trimmed later
    await redis.zadd(UPLOAD_TOKENS + "alice", {gone: 1, **{f"{number:032}": 1 for number in range(3)}})
    expires_at = int(await redis.hget(UPLOAD_TOKEN + alive[0], "expires_at") or 0)
    for one in alive:  # all in the same millisecond
        await redis.hset(UPLOAD_TOKEN + one, "expires_at", expires_at)
        await redis.zadd(UPLOAD_TOKENS + "alice", {one: expires_at})
    listed, query = [], {"limit": "2"}
    while True:
        page = (await alice.get("/v1/upload-tokens", params=query)).json()
        listed.append([one["id"] for one in page["upload_tokens"]])
        if "next" not in page:
            break
        query["cursor"] = page["next"]
    assert listed == [sorted(alive)[:2], sorted(alive)[2:]]
    broken = await alice.get("/v1/upload-tokens", params={"cursor": "x"})
    assert (broken.status_code, broken.json()["field"]) == (422, "cursor")


REFUSED: dict[str, tuple[dict[str, Any], set[str]]] = {
    "no origin": ({"origin": None}, {"origin"}),
    "an origin that is not listed": ({"origin": "https://evil.example"}, {"origin"}),
    "the null origin": ({"origin": "null"}, {"origin"}),
    "an origin with a path": ({"origin": f"{ORIGIN}/"}, {"origin"}),
    "an origin in capitals": ({"origin": ORIGIN.upper()}, {"origin"}),
    "more than a day": ({"expires": "25h"}, {"expires"}),
    "no duration": ({"expires": "0m"}, {"expires"}),
    "more bytes than an upload has": ({"max_bytes": 10_000_000}, {"max_bytes"}),
    "more uses than allowed": ({"uses": 1001}, {"uses"}),
    "an unknown preset": ({"variants": "nope"}, {"variants"}),
    "an unknown type": ({"types": ["text/html"]}, {"types.0"}),
    "no type": ({"types": []}, {"types"}),
    "variants of a stored file": ({"target": "uploads", "variants": "avatar"}, {"variants"}),
    "an option of a submit": ({"notify": {"url": "https://a.example"}}, {"notify"}),
    "several": (
        {"origin": "https://evil.example", "expires": "x", "uses": 5_000, "max_bytes": 10_000_000, "url": "x"},
        {"origin", "expires", "uses", "max_bytes", "url"},
    ),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_is_wrong_is_told_at_once(alice: httpx.AsyncClient, what: str) -> None:
    fields, wrong = REFUSED[what]
    answer = await alice.post("/v1/upload-tokens", json={"origin": ORIGIN, **fields})
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert {one["field"] for one in problem.get("errors", [problem])} == wrong


async def test_without_origins_it_says_what_to_set(settings: Settings) -> None:
    closed = settings.model_copy(update={"cors_origins": ()})
    async with serving(closed) as port, client_of(port) as client:
        answer = await client.post("/v1/upload-tokens", json={"origin": ORIGIN})
        assert answer.status_code == 422
        assert "CORS_ORIGINS" in answer.json()["detail"]


async def test_pages_of_the_service_itself_need_no_setting(settings: Settings) -> None:
    public = settings.model_copy(update={"cors_origins": (), "public_url": "https://pressroom.example.com/base"})
    async with serving(public) as port, client_of(port) as client:
        answer = await client.post(
            "/v1/upload-tokens",
            json={"origin": "https://pressroom.example.com"},
            headers={"Host": "pressroom.example.com"},
        )
        assert answer.status_code == 201, answer.text
