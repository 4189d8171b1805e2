"""Which routes under /v1 open for the access of a portal: those that heed its channel, and no others."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis
from starlette.types import Scope

from api.http.access.access import Access
from api.http.access.token_kinds import authenticate
from api.http.context import Context
from tasks.storage.protocol import Storage
from tests.api.accounts.test_roles import BODIES, HEADERS, PROTECTED, QUERIES
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.owned import NOT_OWNED, Owned
from tests.support.api.serving import client_of
from tests.support.api.tus import TUS

OPEN = {
    "create_endpoint",
    "list_endpoints",
    "get_endpoint",
    "change_endpoint",
    "delete_endpoint",
    "rotate_secret",
    "test_endpoint",
    "list_deliveries",
    "get_delivery",
    "redeliver",
    "cancel_delivery",
}
PORTAL = "portal"


@pytest.fixture(autouse=True)
def portal_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the access of a portal in as if it were a key; over HTTP there is none."""

    async def let_in(context: Context, scope: Scope, token: str | None) -> Access:
        if token != PORTAL:
            return await authenticate(context, scope, token)
        access = Access(owner="alice", scopes=frozenset({"webhooks"}), via="portal", channel="customer-17")
        scope["access"], scope["owner"] = access, access.owner
        scope["account"] = await context.accounts.owner(access.owner)
        return access

    monkeypatch.setattr("api.http.access.auth.authenticate", let_in)


async def test_a_portal_opens_what_heeds_its_channel_and_nothing_else(
    port: int, alice: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker, storage: Storage
) -> None:
    """The things here are alice's, and not of the channel: they are answered as if they did not exist."""
    things = NOT_OWNED | await Owned(redis, worker, storage).make(alice, "alice")
    async with client_of(port, PORTAL) as portal:
        for one in PROTECTED:
            headers = HEADERS.get(one.id, TUS if "resumable" in one.path else {})
            url = one.path.format_map(things) + (f"?{QUERIES[one.id]}" if one.id in QUERIES else "")
            body: dict[str, Any] = {"json": BODIES[one.id]} if one.id in BODIES else {}
            answer = await portal.request(one.method, url, headers=headers, **body)
            if one.id not in OPEN:
                assert answer.status_code == 403, (one, answer.text)
            elif "{" in one.path:
                assert answer.status_code == 404, (one, answer.text)
            else:
                assert answer.status_code < 500, (one, answer.text)
        assert (await portal.get("/v1/endpoints")).json() == {"endpoints": []}
        assert (await portal.get("/v1/deliveries")).json()["code"] == "token_forbids"
        assert (await portal.get(f"/v1/deliveries?endpoint={things['endpoint_id']}")).status_code == 404
    assert (await alice.get(f"/v1/endpoints/{things['endpoint_id']}")).status_code == 200


def test_no_portal_is_an_admin() -> None:
    access = Access(owner="alice", scopes=frozenset({"webhooks"}), via="portal", channel="c")
    assert (access.is_admin, access.is_token, access.is_never_suspended) == (False, True, False)
    assert replace(access, owner="bob").channel == "c"
