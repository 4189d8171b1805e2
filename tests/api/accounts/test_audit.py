"""The audit log over HTTP: what admins change and look at, what was refused, and who may read it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.accounts.audit import STREAMS
from tasks.settings import Settings
from tests.support.api.serving import BOB, client_of, serving
from tests.support.eventually import eventually

EVENT = {"type": "order.paid", "data": {}}
WRONG = "wrong-key-0123456789"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Alice is an admin."""
    return settings.model_copy(update={"admins": ("alice",), "wrong_keys_per_minute": 2})


@pytest.fixture
async def nobody(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(port, WRONG) as client:
        yield client


async def lines_of(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    page = (await client.get("/v1/audit", params=query)).raise_for_status().json()
    lines: list[dict[str, Any]] = page["lines"]
    return lines


async def noted(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    """The lines once there are some: notes are written after the answer."""

    found: list[dict[str, Any]] = await eventually(lambda: lines_of(client, **query))
    return found


async def test_a_change_of_an_admin_is_there_with_its_answer(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    job = (await bob.post("/v1/events", json=EVENT, params={"delay": 60})).json()["id"]
    answer = await alice.post(f"/v1/jobs/{job}/cancellation", params={"owner": "bob"})
    (line,) = await lines_of(alice, outcome="done")
    assert line == {
        "at": line["at"],
        "outcome": "done",
        "action": "cancel_job",
        "owner": "bob",
        "id": job,
        "by": "alice",
        "address": "127.0.0.1",
        "request_id": answer.headers["x-request-id"],
        "before": {"state": "scheduled"},
    }


async def test_what_owners_do_with_their_own_is_not_in_it(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    for client in (alice, bob):
        job = (await client.post("/v1/events", json=EVENT, params={"delay": 60})).json()["id"]
        assert (await client.get(f"/v1/jobs/{job}")).is_success
        assert (await client.delete(f"/v1/jobs/{job}")).status_code == 409
        assert (await client.post(f"/v1/jobs/{job}/cancellation")).is_success
    assert await lines_of(alice) == []


async def test_an_owner_reads_its_own_lines_and_learns_nothing_of_the_operator(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    job = (await bob.post("/v1/events", json=EVENT, params={"delay": 60})).json()["id"]
    await alice.post(f"/v1/jobs/{job}/cancellation")
    await alice.post("/v1/queues/media/pause")
    await alice.post("/v1/queues/media/resume")
    (line,) = await lines_of(bob)
    assert {name: line[name] for name in line if name != "at"} == {
        "outcome": "done",
        "action": "cancel_job",
        "owner": "bob",
        "id": job,
        "by": "operator",
        "before": {"state": "scheduled"},
    }
    refused = await bob.get("/v1/audit", params={"owner": "alice"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert [line["action"] for line in await lines_of(alice, outcome="done")] == [
        "resume_queue",
        "pause_queue",
        "cancel_job",
    ]
    assert [line["id"] for line in await lines_of(alice, action="pause_queue", outcome="done")] == ["media"]


async def test_an_owner_does_not_read_the_notes_of_the_operators(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await alice.post("/v1/owners", json={"name": "bob", "note": "Pays late", "quotas": {"endpoints": 5}})
    await alice.post("/v1/owners/bob/suspension", json={"reason": "Fraud?"})
    await alice.delete("/v1/owners/bob/suspension")

    async def let_in() -> bool:
        return (await bob.get("/v1/audit")).is_success

    assert await eventually(let_in)
    lines = await lines_of(bob, outcome="done")
    assert [line["action"] for line in lines] == ["resume_owner", "suspend_owner", "create_owner"]
    assert lines[2]["after"] == {"quotas": '{"endpoints":5}'}
    for line in lines:
        assert {"note", "reason"}.isdisjoint({**line["before"], **line["after"]})
    suspended = (await lines_of(alice, action="suspend_owner", outcome="done"))[0]["after"]
    assert (suspended["note"], suspended["reason"]) == ("Pays late", "Fraud?")


async def test_reads_by_admins_and_refused_tries_are_noted_after_the_answer(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    job = (await bob.post("/v1/events", json=EVENT, params={"delay": 60})).json()["id"]
    assert (await alice.get(f"/v1/jobs/{job}")).is_success
    (read,) = await noted(alice, outcome="read")
    assert "read" not in {line["outcome"] for line in await lines_of(alice, reads="false")}
    assert "read" in {line["outcome"] for line in await lines_of(alice)}
    assert (read["action"], read["owner"], read["id"], read["by"]) == ("get_job", "bob", job, "alice")
    assert (await bob.post("/v1/queues/media/pause")).status_code == 403
    assert (await bob.get("/v1/jobs", params={"owner": "alice"})).status_code == 403
    pause, listing = sorted(await noted(bob, outcome="refused"), key=lambda line: line["action"], reverse=True)
    assert (pause["action"], pause["id"], pause["code"], pause["by"]) == ("pause_queue", "media", "forbidden", "bob")
    assert listing["action"] == "list_jobs"


async def test_wrong_keys_are_noted_and_no_key_is_in_the_log(
    alice: httpx.AsyncClient, nobody: httpx.AsyncClient, redis: ArqRedis
) -> None:
    for _ in range(5):
        assert (await nobody.get("/v1/jobs")).status_code in (401, 429)

    async def both() -> bool:
        codes = [line["code"] for line in await lines_of(alice, outcome="refused")]
        return sorted(codes) == ["rate_limited", "unauthorized"]  # what is alike is noted once a minute

    assert await eventually(both)
    (first, *_) = await lines_of(alice, outcome="refused")
    assert (first["action"], first["address"], "by" in first) == ("use_key", "127.0.0.1", False)
    everything = [await redis.xrange(key) for key in STREAMS]
    assert WRONG not in str(everything)


async def test_a_page_has_a_cursor(alice: httpx.AsyncClient) -> None:
    for _ in range(3):
        await alice.post("/v1/queues/media/pause")
        await alice.post("/v1/queues/media/resume")
    page = (await alice.get("/v1/audit", params={"limit": 4, "outcome": "done"})).json()
    rest = (await alice.get("/v1/audit", params={"limit": 4, "outcome": "done", "cursor": page["next"]})).json()
    assert [len(page["lines"]), len(rest["lines"]), "next" in rest] == [4, 2, False]


async def test_a_change_of_what_does_not_exist_writes_nothing(settings: Settings, redis: ArqRedis) -> None:
    async with serving(settings) as port, client_of(port) as alice, client_of(port, BOB) as bob:
        assert (await alice.delete("/v1/endpoints/" + "0" * 32, params={"owner": "bob"})).status_code == 404
        assert (await alice.delete("/v1/presets/none", params={"owner": "bob"})).status_code == 404
        assert await lines_of(alice, outcome="done") == []
        assert await lines_of(bob) == []


async def test_what_becomes_of_a_key_is_there_for_owners_and_admins(bob: httpx.AsyncClient, redis: ArqRedis) -> None:
    made = (await bob.post("/v1/keys", json={"name": "ci", "scopes": ["images"]})).raise_for_status().json()
    await bob.delete(f"/v1/keys/{made['id']}")
    revoked, created = await lines_of(bob, key=made["id"])
    assert [(line["action"], line["owner"], line["by"], line["id"]) for line in (created, revoked)] == [
        ("create_key", "bob", "bob", made["id"]),
        ("revoke_key", "bob", "bob", made["id"]),
    ]
    assert created["after"]["name"] == "ci"
    assert created["address"] == "127.0.0.1"
    assert made["key"] not in str([await redis.xrange(stream) for stream in STREAMS])


async def test_a_network_of_ipv6_fills_no_log_with_wrong_keys(settings: Settings, redis: ArqRedis) -> None:
    flooded = settings.model_copy(update={"forwarded_hops": 1, "audit_wrong_keys_per_minute": 3})
    async with serving(flooded) as port, client_of(port) as alice, client_of(port, WRONG) as nobody:
        for n in range(20):
            assert not (await nobody.get("/v1/jobs", headers={"X-Forwarded-For": f"2001:db8::{n}"})).is_success
        await noted(alice, outcome="refused")
        for n in range(1, 20):  # as many networks
            assert not (await nobody.get("/v1/jobs", headers={"X-Forwarded-For": f"2001:db8:0:{n}::1"})).is_success
        # Lines are written in their order: this one is after all others.
        assert (await alice.get("/v1/jobs/none", params={"owner": "bob"})).status_code == 404
        assert (await alice.get("/v1/jobs", params={"owner": "bob"})).is_success
        await noted(alice, outcome="read")
        refused = [line for line in await lines_of(alice, outcome="refused") if "by" not in line]
        assert len(refused) == 3
        first = [line["code"] for line in refused if line["address"].startswith("2001:db8::")]
        assert sorted(first) == ["rate_limited", "unauthorized"]


async def test_made_up_ids_fill_no_log(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    for n in range(20):
        assert (await bob.get("/v1/jobs/" + f"{n:032x}", params={"owner": "alice"})).status_code == 403
    assert (await bob.post("/v1/queues/media/pause")).status_code == 403
    assert await eventually(lambda: lines_of(alice, action="pause_queue"))
    assert len(await lines_of(alice, action="get_job")) == 1
