"""What links begin with, and which hosts a request may name: never what its sender likes."""

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import JOB
from tasks.settings import Settings
from tests.support.api.serving import client_of, serving
from tests.support.api.web_process import web_process
from tests.support.servers import Valkey

PUBLIC = "https://pressroom.example.com"
EVENT = {"type": "order.paid", "data": {}}
EVIL = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"dev": False})


async def link_of(client: httpx.AsyncClient, redis: ArqRedis, host: dict[str, str]) -> tuple[str, str]:
    """What the links of a new job begin with in its answer, and in the webhooks of its end."""
    job = (await client.post("/v1/events", json=EVENT, headers=host)).raise_for_status().json()
    kept = await redis.hget(JOB + job["id"], "address")
    return job["links"]["self"].removesuffix(f"/v1/jobs/{job['id']}"), (kept or b"").decode()


async def test_links_are_paths_where_nobody_has_said_under_which_name(settings: Settings, redis: ArqRedis) -> None:
    async with serving(settings) as port, client_of(port) as client:
        assert await link_of(client, redis, {}) == ("", "")
        assert await link_of(client, redis, EVIL) == ("", "")


async def test_links_begin_with_the_public_url(settings: Settings, redis: ArqRedis) -> None:
    public = settings.model_copy(update={"public_url": PUBLIC})
    async with serving(public) as port, client_of(port) as client:
        assert await link_of(client, redis, EVIL) == (PUBLIC, PUBLIC)


async def test_a_host_is_one_of_those_allowed(settings: Settings, redis: ArqRedis) -> None:
    allowed = settings.model_copy(update={"allowed_hosts": ("a.example", "b.example:8443")})
    async with serving(allowed) as port, client_of(port) as client:
        assert await link_of(client, redis, {"Host": "A.example"}) == ("http://a.example", "http://a.example")
        assert (await link_of(client, redis, {"Host": "b.example:8443"}))[0] == "http://b.example:8443"
        for host in ("evil.example", "a.example:444", "b.example", "a.example.evil.example"):
            answer = await client.post("/v1/events", json=EVENT, headers={"Host": host})
            assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (421, "misdirected", "Host")
        assert (await client.get("/livez")).is_success  # platforms ask by the address


@pytest.mark.parametrize(("trusted", "scheme"), [("127.0.0.0/8", "https"), ("10.0.0.0/8", "http"), ("", "http")])
async def test_the_scheme_that_a_proxy_tells_counts_if_the_proxy_is_trusted(
    valkey: Valkey, redis: ArqRedis, trusted: str, scheme: str
) -> None:
    environment = {
        "DEV": "0",
        "SECRET_KEY": "k" * 32,
        "TRUSTED_PROXIES": trusted,
        "ALLOWED_HOSTS": "pressroom.example.com",
    }
    told = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7", "X-Forwarded-Host": "evil.example"}
    told["Host"] = "pressroom.example.com"
    with web_process(valkey.url, "memory://", environment) as web:
        async with client_of(web.port) as client:
            job = (await client.post("/v1/events", json=EVENT, headers=told)).raise_for_status().json()
    assert job["links"]["self"] == f"{scheme}://pressroom.example.com/v1/jobs/{job['id']}"


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
    assert (empty.public_url, empty.allowed_hosts, empty.forwarded_allow_ips) == (None, (), [])
