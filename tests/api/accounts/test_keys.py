"""`/v1/keys`: what a holder of the scope `keys` may hand out, and what an admin may."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.accounts.key_store import Asker, KeyStore, NewKey
from tasks.settings import Settings
from tests.support.api.serving import client_of

CLI = Asker("cli")
Client = Callable[[str], httpx.AsyncClient]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("alice",)})


@pytest.fixture
def store(redis: ArqRedis) -> KeyStore:
    return KeyStore(redis, most=200)


@pytest.fixture
async def holding(port: int) -> AsyncIterator[Client]:
    """A client that sends a key."""
    async with AsyncExitStack() as stack:
        clients: dict[str, httpx.AsyncClient] = {}

        def client(key: str) -> httpx.AsyncClient:
            if key not in clients:
                clients[key] = client_of(port, key)
                stack.push_async_callback(clients[key].aclose)
            return clients[key]

        yield client


async def key_of(store: KeyStore, *scopes: str, owner: str = "acme", **options: Any) -> NewKey:
    return await store.create(owner, "a key", scopes, CLI, **{"read_only": False, "life_ms": None, **options})


async def test_a_key_is_made_used_rotated_and_revoked(bob: httpx.AsyncClient, holding: Client) -> None:
    made = await bob.post("/v1/keys", json={"name": "ci", "scopes": ["jobs:read", "jobs:read"], "expires": "90d"})
    assert made.status_code == 201
    key = made.json()
    assert (key["owner"], key["scopes"], key["state"], key["made_by"]) == ("bob", ["jobs:read"], "live", "setting:bob")
    assert made.headers["cache-control"] == "no-store"
    assert (await holding(key["key"]).get("/v1/jobs")).status_code == 200

    rotated = (await bob.post(f"/v1/keys/{key['id']}/rotation", json={"grace": "1h"})).json()
    assert rotated["replaces"] == key["id"]
    for live in (key, rotated):
        assert (await holding(live["key"]).get("/v1/jobs")).status_code == 200

    path = made.headers["location"]
    assert (await bob.delete(path)).status_code == 204
    shown = (await bob.get(path)).json()
    assert shown["state"] == "revoked"
    assert "key" not in shown
    listed = (await bob.get("/v1/keys")).json()["keys"]
    assert {one["id"] for one in listed} == {key["id"], rotated["id"]}
    assert key["key"] not in str(listed)


async def test_nobody_hands_out_a_scope_that_the_own_key_lacks(holding: Client, store: KeyStore) -> None:
    client = holding((await key_of(store, "keys", "images")).key)
    for scopes in (["jobs:read"], ["images", "reports"], ["admin"], ["keys", "admin"]):
        refused = await client.post("/v1/keys", json={"name": "more", "scopes": scopes})
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "'jobs:read'" in (await client.post("/v1/keys", json={"name": "x", "scopes": ["jobs:read"]})).text
    assert (await client.post("/v1/keys", json={"name": "less", "scopes": ["images"]})).status_code == 201


async def test_nobody_rotates_or_revokes_a_key_that_may_do_more(holding: Client, store: KeyStore) -> None:
    """A rotation shows the new key, with all that the old one may do."""
    strong = await key_of(store, "keys", "images", "admin")
    client = holding((await key_of(store, "keys", "images")).key)
    assert (await client.post(f"/v1/keys/{strong.record.id}/rotation")).status_code == 403
    assert (await client.delete(f"/v1/keys/{strong.record.id}")).status_code == 403
    assert (await store.find(strong.record.id)).state == "live"


async def test_nobody_hands_out_a_longer_life(holding: Client, store: KeyStore) -> None:
    short = await key_of(store, "keys", "images", life_ms=3_600_000)
    client = holding(short.key)
    refused = await client.post("/v1/keys", json={"name": "long", "scopes": ["images"], "expires": "2h"})
    assert (refused.status_code, refused.json()["field"]) == (403, "expires")
    made = (await client.post("/v1/keys", json={"name": "same", "scopes": ["images"]})).json()
    own = (await client.get(f"/v1/keys/{short.record.id}")).json()
    assert made["expires_at"] == own["expires_at"]
    rotated = (await client.post(f"/v1/keys/{short.record.id}/rotation")).json()
    assert rotated["expires_at"] == own["expires_at"]


async def test_a_temporary_admin_makes_no_lasting_one(holding: Client, store: KeyStore) -> None:
    client = holding((await key_of(store, "admin", life_ms=3_600_000)).key)
    lasting = await client.post("/v1/keys", json={"name": "a", "scopes": ["admin"], "expires": "90d"})
    assert lasting.status_code == 403
    bounded = await client.post("/v1/keys", json={"name": "b", "scopes": ["admin", "images"]})
    assert "expires_at" in bounded.json()
    customer = await client.post("/v1/keys", json={"name": "c", "scopes": ["images"], "owner": "customer"})
    assert customer.status_code == 201
    assert "expires_at" not in customer.json()


async def test_another_owners_key_is_as_unknown_as_one_that_does_not_exist(
    bob: httpx.AsyncClient, store: KeyStore
) -> None:
    theirs = (await key_of(store, "images")).record.id
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotation")):
        seen = await bob.request(method, f"/v1/keys/{theirs}{path}")
        unknown = await bob.request(method, f"/v1/keys/{'0' * 16}{path}")
        assert seen.status_code == unknown.status_code == 404
        assert seen.json()["detail"].replace(theirs, "0" * 16) == unknown.json()["detail"]
    assert (await bob.get("/v1/keys")).json() == {"keys": []}
    assert (await bob.post("/v1/keys", json={"name": "a", "scopes": ["images"], "owner": "acme"})).status_code == 403


async def test_an_admin_acts_for_every_owner(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    made = await alice.post("/v1/keys", json={"name": "for bob", "scopes": ["admin"], "owner": "bob"})
    assert made.json()["owner"] == "bob"
    path, query = made.headers["location"], {"owner": "bob"}
    assert (await alice.get(path)).status_code == 404, "an admin names the owner"
    assert (await alice.get(path, params=query)).status_code == 200
    assert (await bob.post(f"{path}/rotation")).status_code == 403
    assert (await alice.post(f"{path}/rotation", params=query)).status_code == 201
    assert (await alice.delete(path, params=query)).status_code == 204


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scopes": ["images"]}, "name"),
        ({"name": "", "scopes": ["images"]}, "name"),
        ({"name": "a", "scopes": []}, "scopes"),
        ({"name": "a", "scopes": ["everything"]}, "scopes.0"),
        ({"name": "a", "scopes": ["images"], "expires": "forever"}, "expires"),
        ({"name": "a", "scopes": ["images"], "expires": "0d"}, "expires"),
        ({"name": "a", "scopes": ["images"], "owner": "a:b"}, "owner"),
        ({"name": "a", "scopes": ["images"], "owner": "system"}, "owner"),
        ({"name": "a", "scopes": ["images"], "owner": "running"}, "owner"),
        ({"name": "a", "scopes": ["images"], "key": "chosen"}, "key"),
    ],
)
async def test_what_is_no_key_request_is_refused(alice: httpx.AsyncClient, body: dict[str, Any], field: str) -> None:
    refused = await alice.post("/v1/keys", json=body)
    assert (refused.status_code, refused.json()["field"]) == (422, field)
