"""Without API keys: only this machine may use the API, and no page of another web site that is open in its browser."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from api.http.access.hosts import listen_hosts
from api.http.access.keys import Keys
from tasks.settings import Settings
from tests.support.api.serving import client_of, serving
from tests.support.api.web_process import start_web, web_process
from tests.support.receivers import Receiver
from tools.servers import Valkey

EVERYTHING = b'{"all": true}'
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"api_keys": ()})


@pytest.fixture
async def anyone(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(port, None) as client:
        yield client


async def refusal(client: httpx.AsyncClient, method: str, path: str, **request: Any) -> tuple[int, str]:
    answer = await client.request(method, path, **request)
    return answer.status_code, answer.json().get("code")


async def test_what_a_page_may_send_without_asking_is_refused(anyone: httpx.AsyncClient) -> None:
    """A Blob without a type has no Content-Type, so that no browser asks before it sends it anywhere."""
    verb = "/v1/jobs/deletion"
    assert await refusal(anyone, "POST", verb, content=EVERYTHING) == (415, "unsupported_media_type")
    for path in ("/v1/endpoints", "/v1/events", "/v1/reports", "/v1/schedules", "/v1/jobs", "/v1/cleanup"):
        assert await refusal(anyone, "POST", path, content=b"{}") == (415, "unsupported_media_type"), path
    for origin in ("https://evil.example", "http://localhost:1", "null"):
        page = {"Origin": origin, **JSON}
        assert await refusal(anyone, "POST", verb, content=EVERYTHING, headers=page) == (403, "foreign_origin")
        assert await refusal(anyone, "POST", "/v1/queues/media/pause", headers=page) == (403, "foreign_origin")
    assert (await anyone.post(verb, content=EVERYTHING, headers=JSON)).status_code == 202
    assert (await anyone.post("/v1/queues/media/resume")).is_success  # no body, no type


async def test_a_page_of_the_service_itself_may_use_the_api(anyone: httpx.AsyncClient, port: int) -> None:
    for host in ("localhost", "127.0.0.1", "[::1]"):
        own = {"Host": f"{host}:{port}", "Origin": f"http://{host}:{port}", **JSON}
        assert (await anyone.post("/v1/jobs/deletion", content=EVERYTHING, headers=own)).status_code == 202
    without_referrer = {"Origin": "null", "Sec-Fetch-Site": "same-origin", **JSON}
    assert (await anyone.post("/v1/jobs/deletion", content=EVERYTHING, headers=without_referrer)).status_code == 202
    sandboxed = {**without_referrer, "Sec-Fetch-Site": "cross-site"}
    assert (await anyone.post("/v1/jobs/deletion", content=EVERYTHING, headers=sandboxed)).status_code == 403


@pytest.mark.parametrize("path", ["/v1/jobs", "/metrics", "/docs", "/openapi.json"])
async def test_a_name_that_resolves_to_this_machine_is_no_name_of_the_service(
    anyone: httpx.AsyncClient, port: int, path: str
) -> None:
    """A page reads what it likes from its own origin, whatever address that has."""
    assert await refusal(anyone, "GET", path, headers={"Host": f"evil.example:{port}"}) == (421, "misdirected")
    assert (await anyone.get(path, headers={"Host": f"LOCALHOST:{port}"})).is_success


async def test_another_name_can_be_allowed(settings: Settings, redis: ArqRedis) -> None:
    named = settings.model_copy(update={"allowed_hosts": ("pressroom.test",)})
    async with serving(named) as port, client_of(port, None) as client:
        found = await client.get("/v1/jobs", headers={"Host": "pressroom.test"})
        assert found.is_success
        assert await refusal(client, "GET", "/v1/jobs", headers={"Host": "other.test"}) == (421, "misdirected")


def test_it_listens_on_loopback_alone(settings: Settings) -> None:
    assert listen_hosts(settings, Keys(settings)) == ["127.0.0.1"]
    for hosts in ("127.0.0.1", "127.0.0.1,::1"):
        assert listen_hosts(settings.model_copy(update={"web_hosts": hosts}), Keys(settings)) == hosts.split(",")
    for hosts in ("0.0.0.0", "127.0.0.1,192.168.1.5", "::"):
        with pytest.raises(ValueError, match=r"API_KEYS is empty.*WEB_HOSTS"):
            listen_hosts(settings.model_copy(update={"web_hosts": hosts}), Keys(settings))


def test_another_address_needs_keys(valkey: Valkey, tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    web = start_web(valkey.url, tmp_path.as_uri(), {"API_KEYS": "", "WEB_HOSTS": "0.0.0.0"}, lines=lines)
    try:
        assert web.process.wait(20) == 3
    finally:
        web.kill()
    assert lines.read_text().startswith("web: API_KEYS is empty, and Redis has no key.")


def test_the_process_is_not_reached_by_other_addresses_of_the_machine(valkey: Valkey, tmp_path: Path) -> None:
    with web_process(valkey.url, tmp_path.as_uri(), {"API_KEYS": ""}) as web:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", web.port), timeout=10)
        assert httpx.get(f"http://localhost:{web.port}/livez").is_success


async def test_requests_never_go_to_the_servers_of_the_installation(
    anyone: httpx.AsyncClient, settings: Settings, valkey: Valkey, receiver: Receiver, redis: ArqRedis
) -> None:
    for name in ("127.0.0.1", "localhost", "127.0.0.9", "[::1]"):
        for port in (valkey.port, settings.port):
            endpoint = {"url": f"http://{name}:{port}/", "events": ["*"]}
            answer = await anyone.post("/v1/endpoints", json=endpoint)
            assert (answer.status_code, answer.json()["field"]) == (422, "url"), endpoint
    created = await anyone.post("/v1/endpoints", json={"url": receiver.url, "events": ["*"]})
    assert created.status_code == 201
