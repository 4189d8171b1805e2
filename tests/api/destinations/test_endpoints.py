"""/v1/destinations: made by admins for owners, shown without secrets."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.destinations.record import check_not_ours
from tasks.queue.account_keys import AUDIT
from tasks.queue.redis_keys import DESTINATIONS, JOB
from tasks.refusal import Refusal
from tasks.settings import Settings
from tests.support.api.pictures import PNG

SECRET = "very-secret-text"
BODY: dict[str, Any] = {"url": "s3://acme/press/", "access_key_id": "AKIA1", "secret_access_key": SECRET}
PLACE = "/v1/destinations/archive?owner=bob"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("alice",), "max_destinations": 2})


@pytest.fixture
async def made(alice: httpx.AsyncClient) -> AsyncIterator[httpx.Response]:
    answer = await alice.put(PLACE, json=BODY)
    assert answer.status_code == 201, answer.text
    yield answer
    await alice.delete(PLACE)


async def test_an_admin_makes_one_for_an_owner(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, made: httpx.Response
) -> None:
    assert made.headers["Location"] == "/v1/destinations/archive"
    shown = (await bob.get("/v1/destinations/archive")).json()
    assert shown == made.json()
    assert (shown["url"], shown["path"], shown["overwrite"]) == ("s3://acme/press", "{job}/{name}", False)
    assert (await bob.get("/v1/destinations")).json() == {"destinations": [shown]}
    assert (await alice.get("/v1/destinations")).json() == {"destinations": []}
    assert (await alice.get("/v1/destinations/archive")).status_code == 404
    everything = made.text + str(await redis.hgetall(DESTINATIONS + "bob"))
    everything += str(await redis.xrange(AUDIT))
    assert SECRET not in everything
    changed = await alice.put(PLACE, json=BODY | {"overwrite": True, "path": "{date}/{name}"})
    assert (changed.status_code, changed.json()["overwrite"]) == (200, True)


async def test_only_admins_change_them(bob: httpx.AsyncClient, made: httpx.Response) -> None:
    for answer in (await bob.put("/v1/destinations/mine", json=BODY), await bob.delete("/v1/destinations/archive")):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_they_are_deleted(alice: httpx.AsyncClient, bob: httpx.AsyncClient, made: httpx.Response) -> None:
    assert (await alice.delete("/v1/destinations/archive")).status_code == 404
    assert (await alice.delete(PLACE)).status_code == 204
    assert (await bob.get("/v1/destinations/archive")).status_code == 404


async def test_an_owner_has_so_many(alice: httpx.AsyncClient) -> None:
    for name in ("a", "b"):
        assert (await alice.put(f"/v1/destinations/{name}", json=BODY)).status_code == 201
    full = await alice.put("/v1/destinations/c", json=BODY)
    assert (full.status_code, full.json()["code"], full.json()["limit"]) == (409, "too_many_destinations", 2)
    assert (await alice.put("/v1/destinations/a", json=BODY)).status_code == 200
    for name in ("a", "b"):
        await alice.delete(f"/v1/destinations/{name}")


WRONG: dict[str, list[Any]] = {
    "url": ["acme", "https://acme/x", "s3://", "s3://a/../b", "s3://a//b", "s3://A_B/x", "s3://acme/x?y", "gs://acme"],
    "path": ["../{name}", "/{name}", "{secret}/{name}", "x.jpg"],
    "endpoint": ["ftp://127.0.0.1", "http://169.254.169.254", "http://127.0.0.1:1/path", "nothing"],
    "region": ["EU", "a/b", ""],
    "access_key_id": ["", "a/b", "a\nb"],
}


async def test_what_cannot_be_used_is_refused(alice: httpx.AsyncClient) -> None:
    bodies: tuple[dict[str, Any], ...] = ({}, {"url": None, "path": 1, "endpoint": []}, {"secret_access_key": SECRET})
    for body in bodies:
        answer = await alice.put("/v1/destinations/x", json=body)
        assert answer.status_code == 422
        assert SECRET not in answer.text
    for field, values in WRONG.items():
        for value in values:
            answer = await alice.put("/v1/destinations/x", json=BODY | {field: value})
            assert answer.status_code == 422, (field, value)
            assert answer.json()["field"].startswith(field), (field, value)


def test_our_own_files_are_no_destination(settings: Settings) -> None:
    ours = settings.model_copy(update={"storage_url": "s3://acme/press"})
    for bucket, prefix in (("acme", ""), ("acme", "press"), ("acme", "press/blobs")):
        with pytest.raises(Refusal) as refused:
            check_not_ours(ours, bucket, prefix, None)
        assert refused.value.field == "url"
    for bucket, prefix in (("acme", "pressed"), ("acme", "other"), ("other", "press")):
        check_not_ours(ours, bucket, prefix, None)
    whole = settings.model_copy(update={"storage_url": "s3://acme"})
    with pytest.raises(Refusal):
        check_not_ours(whole, "acme", "anywhere", None)


def test_a_bucket_of_the_same_name_on_another_server_is_not_ours(settings: Settings) -> None:
    amazon = settings.model_copy(update={"storage_url": "s3://acme/press"})
    own = amazon.model_copy(
        update={"storage_endpoint": "https://s3.acme.example", "storage_public_endpoint": "https://files.acme.example"}
    )
    server = "https://s3.other.example"
    for ours, bucket, prefix, endpoint in (
        (amazon, "acme", "press", "https://s3.eu-central-1.amazonaws.com"),
        (amazon, "acme", "press", "https://s3.cn-north-1.amazonaws.com.cn."),
        (amazon, "press", "blobs", "https://acme.s3.amazonaws.com"),
        (own, "acme", "press", "https://S3.acme.example:9000"),
        (own, "acme", "press", "https://files.acme.example"),
        (own, "press", "", "https://acme.s3.acme.example"),
    ):
        with pytest.raises(Refusal):
            check_not_ours(ours, bucket, prefix, endpoint)
    other: list[tuple[Settings, str, str, str | None]] = [
        (amazon, "acme", "press", server),
        (own, "acme", "press", server),
        (own, "acme", "press", None),
        (amazon, "other", "press", "https://acme.s3.amazonaws.com"),
    ]
    for ours, bucket, prefix, at in other:
        check_not_ours(ours, bucket, prefix, at)


async def test_a_submit_names_one_of_its_owner(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, made: httpx.Response
) -> None:
    for answer in (
        await bob.post("/v1/images?destination=archive", content=PNG),
        await bob.post("/v1/images", files={"file": ("a.png", PNG)}, data={"destination": "archive"}),
    ):
        assert answer.status_code == 202, answer.text
        assert await redis.hget(JOB + answer.json()["id"], "destination") == b"archive"
    for client, name in ((bob, "other"), (alice, "archive")):
        answer = await client.post(f"/v1/images?destination={name}", content=PNG)
        assert (answer.status_code, answer.json()["field"]) == (404, "destination")
