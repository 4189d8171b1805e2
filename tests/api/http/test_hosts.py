"""What links begin with, and which hosts a request may name: never what its sender likes."""

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import JOB
from tasks.settings import Settings
from tests.support.api.serving import client_of, serving
from tests.support.api.web_process import web_process
from tools.servers import Valkey

PUBLIC = "https://pressroom.example.com"
OURS = {"Host": "pressroom.example.com"}
EVENT = {"type": "order.paid", "data": {}}
EVIL = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"dev": False, "public_url": PUBLIC})


async def link_of(client: httpx.AsyncClient, redis: ArqRedis, host: dict[str, str]) -> tuple[str, str]:
    """What the links of a new job begin with in its answer, and in the webhooks of its end."""
    job = (await client.post("/v1/events", json=EVENT, headers=host)).raise_for_status().json()
    kept = await redis.hget(JOB + job["id"], "address")
    return job["links"]["self"].removesuffix(f"/v1/jobs/{job['id']}"), (kept or b"").decode()


async def refusal(client: httpx.AsyncClient, path: str, headers: dict[str, str]) -> tuple[int, str, str]:
    answer = await client.get(path, headers=headers)
    return answer.status_code, answer.json().get("code"), answer.json().get("field")


async def test_links_begin_with_the_public_url(settings: Settings, redis: ArqRedis) -> None:
    named = settings.model_copy(update={"allowed_hosts": ("inside.example:8443",)})
    async with serving(named) as port, client_of(port) as client:
        for host in ("pressroom.example.com", "PRESSROOM.example.com:443", "inside.example:8443"):
            assert await link_of(client, redis, {"Host": host, "X-Forwarded-Proto": "http"}) == (PUBLIC, PUBLIC)


@pytest.mark.parametrize("path", ["/v1/jobs", "/docs", "/openapi.json", "/nothing"])
async def test_other_hosts_are_refused(settings: Settings, redis: ArqRedis, path: str) -> None:
    named = settings.model_copy(update={"allowed_hosts": ("a.example",)})
    async with serving(named) as port, client_of(port) as client:
        here = f"127.0.0.1:{port}"
        hosts = ("evil.example", here, "a.example:444", "pressroom.example.com.evil.example", "xpressroom.example.com")
        for host in hosts:
            assert await refusal(client, path, {"Host": host}) == (421, "misdirected", "Host")
        # Without FORWARDED_HOPS no proxy's header counts.
        forged = {"Host": "evil.example", "X-Forwarded-Host": "pressroom.example.com"}
        assert (await refusal(client, path, forged))[0] == 421
        assert (await client.get(path, headers=OURS)).status_code != 421


async def test_probes_answer_under_every_host(settings: Settings, redis: ArqRedis) -> None:
    """Platforms ask by the address of the machine."""
    watched = settings.model_copy(update={"metrics_key": "m" * 16})
    async with serving(watched) as port, client_of(port) as client:
        assert (await client.get("/livez")).is_success
        assert (await client.get("/readyz")).status_code in (200, 503)
        assert (await client.get("/metrics", headers=EVIL)).status_code != 421


async def test_a_proxy_may_name_the_host_that_it_has_received(settings: Settings, redis: ArqRedis) -> None:
    behind = settings.model_copy(update={"forwarded_hops": 1, "forwarded_host": True})
    async with serving(behind) as port, client_of(port) as client:
        told = {"Host": "web:8000", "X-Forwarded-Host": "evil.example, pressroom.example.com"}
        assert await link_of(client, redis, told) == (PUBLIC, PUBLIC)
        told["X-Forwarded-Host"] = "pressroom.example.com, evil.example"
        assert (await refusal(client, "/v1/jobs", told))[0] == 421


async def test_a_forwarded_host_is_the_clients_unless_the_operator_says_otherwise(
    settings: Settings, redis: ArqRedis
) -> None:
    """Many routers neither set nor remove it."""
    behind = settings.model_copy(update={"forwarded_hops": 1})
    async with serving(behind) as port, client_of(port) as client:
        forged = {"Host": "evil.example", "X-Forwarded-Host": "pressroom.example.com"}
        assert await refusal(client, "/v1/jobs", forged) == (421, "misdirected", "Host")
        assert (await client.get("/v1/jobs", headers=OURS | {"X-Forwarded-Host": "evil.example"})).status_code == 200


@pytest.mark.parametrize(
    ("hops", "trusted", "begin"),
    [
        ("1", "127.0.0.0/8", "https://pressroom.test"),
        ("0", "127.0.0.0/8", "http://inside.test"),
        ("1", "10.0.0.0/8", "http://inside.test"),
    ],
)
async def test_in_development_links_begin_as_the_request_does(
    valkey: Valkey, redis: ArqRedis, hops: str, trusted: str, begin: str
) -> None:
    environment = {"FORWARDED_HOPS": hops, "FORWARDED_HOST": "1", "TRUSTED_PROXIES": trusted, "SECRET_KEY": "k" * 32}
    told = {"Host": "inside.test", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "pressroom.test"}
    with web_process(valkey.url, "memory://", environment) as web:
        async with client_of(web.port) as client:
            job = (await client.post("/v1/events", json=EVENT, headers=told)).raise_for_status().json()
    assert job["links"]["self"] == f"{begin}/v1/jobs/{job['id']}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "pressroom.example.com"),
        ("PUBLIC_URL", "ftp://pressroom.example.com"),
        ("PUBLIC_URL", "https://pressroom.example.com/?a"),
        ("ALLOWED_HOSTS", "https://pressroom.example.com"),
        ("ALLOWED_HOSTS", "*"),
        ("TRUSTED_PROXIES", "*"),
        ("TRUSTED_PROXIES", "proxy"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"write {name} as"):
        Settings.model_validate({name.lower(): value})


def test_empty_settings_are_none() -> None:
    empty = Settings.model_validate({"public_url": "", "allowed_hosts": "", "trusted_proxies": ""})
    assert (empty.public_url, empty.allowed_hosts, empty.proxy_networks) == (None, (), ())
