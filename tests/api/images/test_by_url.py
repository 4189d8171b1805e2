"""`POST /v1/images` with the address of a picture: its form is judged at once, and it is fetched by the job."""

from ipaddress import ip_network

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import JOB
from tasks.settings import Settings
from tests.support.api.serving import client_of, serving

URL = "https://example.com/photos/my%20cat.jpg?size=full"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """As in production: public addresses alone, and TLS."""
    return settings.model_copy(update={"outbound_networks": (), "outbound_http": False})


async def test_an_address_becomes_a_job_that_is_named_after_it(alice: httpx.AsyncClient) -> None:
    answer = await alice.post("/v1/images", json={"url": URL, "variants": "avatar"})
    assert answer.status_code == 202
    job = answer.json()
    assert job["params"]["url"] == URL
    assert "upload" not in job["params"]
    assert len(job["params"]["variants"]) == 3
    assert job["name"] == "my cat.jpg"
    assert (job["kind"], job["queue"], job["state"]) == ("thumbnail", "media", "queued")


@pytest.mark.parametrize("url", ["https://example.com", "https://example.com/", "https://example.com/photos/?a=/b"])
async def test_an_address_without_a_last_part_gives_no_name(alice: httpx.AsyncClient, url: str) -> None:
    answer = await alice.post("/v1/images", json={"url": url})
    assert answer.status_code == 202
    assert "name" not in answer.json()


BAD = {
    "no address": ("cat.jpg", "invalid_url"),
    "another scheme": ("file:///etc/passwd", "invalid_url"),
    "no TLS": ("http://example.com/cat.jpg", "invalid_url"),
    "a user": ("https://user@example.com/cat.jpg", "invalid_url"),
    "a local name": ("https://redis/cat.jpg", "invalid_url"),
    "a port of mail": ("https://example.com:25/cat.jpg", "invalid_url"),
    "too long": ("https://example.com/" + "x" * 2000, "invalid_request"),
    "loopback": ("https://127.0.0.1/cat.jpg", "address_refused"),
    "metadata": ("https://169.254.169.254/latest/meta-data", "address_refused"),
    "no text": (7, "invalid_request"),
}


@pytest.mark.parametrize("bad", BAD)
async def test_a_bad_address_is_told_at_once(bad: str, alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    url, code = BAD[bad]
    answer = await alice.post("/v1/images", json={"url": url})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, "url")
    assert [key async for key in redis.scan_iter(JOB + "*")] == []


async def test_either_an_upload_or_an_address(alice: httpx.AsyncClient) -> None:
    for both_or_none in ({}, {"upload": "0" * 32, "url": URL}, {"upload": None, "url": None}):
        answer = await alice.post("/v1/images", json=both_or_none)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
        assert "exactly one of the fields" in answer.json()["detail"]


async def test_the_same_key_and_address_give_the_same_job(alice: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "order-4711"}
    first = await alice.post("/v1/images", json={"url": URL}, headers=headers)
    again = await alice.post("/v1/images", json={"url": URL}, headers=headers)
    other = await alice.post("/v1/images", json={"url": URL + "x"}, headers=headers)
    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 422)
    assert again.json()["id"] == first.json()["id"]


async def test_our_own_addresses_are_refused_and_named_networks_are_not(settings: Settings, redis: ArqRedis) -> None:
    changes = {
        "public_url": "https://pressroom.example.com",
        "outbound_networks": (ip_network("127.0.0.0/8"),),
        "outbound_http": True,
    }
    async with serving(settings.model_copy(update=changes)) as port, client_of(port) as alice:
        own = await alice.post("/v1/images", json={"url": "https://pressroom.example.com/v1/jobs/1/files/a.png"})
        assert (own.status_code, own.json()["code"]) == (422, "invalid_url")
        assert (await alice.post("/v1/images", json={"url": "http://127.0.0.1:9000/cat.png"})).status_code == 202


async def test_the_record_shows_the_url_as_it_is_fetched(alice: httpx.AsyncClient) -> None:
    answer = await alice.post("/v1/images", json={"url": "https://BÜCHER.example/ü/./x?a=%2F&b=%"})
    job = (await alice.get(answer.headers["Location"])).json()
    assert job["params"]["url"] == "https://xn--bcher-kva.example/%C3%BC/./x?a=%2F&b=%25"
