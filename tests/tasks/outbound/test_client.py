"""The guarded client and well-behaved receivers: what it sends, what it gives back, which connections it keeps."""

import asyncio
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.outbound import transport
from tasks.outbound.client import VERSION, GuardedClient, OutboundTimeouts
from tasks.outbound.protocol import EXCERPT_BYTES, Outbound, OutboundError, OutboundRequest
from tests.support.network.nameserver import A, NameServer
from tests.support.receivers import Receiver
from tests.tasks.outbound.conftest import Opening, failure, post
from tools.documents import ROOT


@pytest.fixture(scope="module", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both event loops: the worker runs uvloop."""
    return "asyncio", {"use_uvloop": request.param}


async def test_a_post_brings_the_very_bytes_and_headers(client: GuardedClient) -> None:
    async with Receiver() as receiver:
        headers = {"webhook-id": "evt_1", "content-type": "application/json"}
        answer = await client.post(OutboundRequest(receiver.at("/a%20path?q=1"), b'{"a" : 1}\n', headers))
    assert (answer.status, answer.excerpt) == (200, b"ok")
    (request,) = receiver.requests
    assert (request.method, request.path, request.body) == ("POST", "/a%20path?q=1", b'{"a" : 1}\n')
    assert request.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "user-agent": f"Pressroom/{VERSION}",
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": "10",
        "webhook-id": "evt_1",
    }


def test_the_user_agent_names_our_version() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"] == VERSION


async def test_an_answer_tells_its_parts_and_who_gave_it(client: GuardedClient) -> None:
    async with Receiver("slow") as receiver:
        first, second = await post(client, receiver.url), await post(client, receiver.url)
    assert first.headers == second.headers == {"content-length": "2"}
    assert (first.ip, second.ip) == ("127.0.0.1", None)
    assert first.timing.keys() == {"dns", "connect", "wait", "read", "total"}
    assert second.timing.keys() == {"wait", "read", "total"}
    for answer in (first, second):
        assert 190 < answer.timing["wait"] <= answer.timing["total"] < 2000
        parts = sum(answer.timing.values()) - answer.timing["total"]
        assert abs(parts - answer.timing["total"]) < 50


@pytest.mark.parametrize("status", [204, 302, 304, 400, 410, 429, 500, 503])
async def test_any_status_is_an_answer(client: GuardedClient, status: int) -> None:
    async with Receiver() as receiver:
        assert (await post(client, receiver.at(f"/status/{status}"))).status == status


async def test_a_redirect_is_an_answer_and_nobody_follows_it(client: GuardedClient) -> None:
    async with Receiver() as elsewhere, Receiver("redirecting", content=elsewhere.url.encode()) as receiver:
        answer = await post(client, receiver.url)
        assert (answer.status, answer.headers["location"]) == (302, elsewhere.url)
    assert elsewhere.connections == 0


async def test_a_throttling_answer_brings_its_retry_after(client: GuardedClient) -> None:
    async with Receiver("throttling", times=1) as receiver:
        answer = await post(client, receiver.url)
        assert (answer.status, answer.headers["retry-after"]) == (429, "2")
        assert (await post(client, receiver.url)).status == 200


async def test_a_receiver_that_recovers_is_seen_to(client: GuardedClient) -> None:
    async with Receiver("failing", times=2) as receiver:
        assert [(await post(client, receiver.url)).status for _ in range(3)] == [500, 500, 200]


async def test_the_excerpt_is_the_first_kilobyte_and_the_rest_is_drained(client: GuardedClient) -> None:
    content = bytes(range(256)) * 200
    async with Receiver("file", content=content) as receiver:
        for _ in range(2):
            assert (await post(client, receiver.url)).excerpt == content[:EXCERPT_BYTES]
        assert receiver.connections == 1


async def test_a_request_may_ask_for_a_longer_excerpt(client: GuardedClient) -> None:
    content = bytes(range(256)) * 40
    async with Receiver("file", content=content) as receiver:
        response = await client.post(OutboundRequest(receiver.url, b"{}", excerpt_bytes=5000))
        assert response.excerpt == content[:5000]


async def test_what_was_sent_is_known_also_of_a_request_that_failed(client: GuardedClient) -> None:
    async with Receiver() as receiver, Receiver("hang-up") as broken:
        request = OutboundRequest(receiver.url, b"{}", {"X-Shop": "7"})
        response = await client.post(request)
        (came,) = receiver.requests
        assert response.sent == came.headers
        with pytest.raises(OutboundError) as caught:
            await client.post(replace(request, url=broken.url))
        assert caught.value.sent == broken.requests[0].headers
        with pytest.raises(OutboundError) as caught:
            await client.post(replace(request, url="ftp://shop.example"))
        assert caught.value.sent == {}, "nothing was to be sent"


async def test_cookies_are_forgotten(client: GuardedClient) -> None:
    async with Receiver("cookies") as receiver:
        for _ in range(2):
            assert (await post(client, receiver.url)).headers["set-cookie"].startswith("session=")
    assert all("cookie" not in request.headers for request in receiver.requests)


async def test_proxies_of_the_environment_are_not_asked(client: GuardedClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Receiver() as proxy, Receiver() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert (await post(client, receiver.url)).status == 200
    assert proxy.connections == 0


async def test_the_netrc_file_is_not_read(
    client: GuardedClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with Receiver() as receiver:
        await post(client, receiver.url)
    assert "authorization" not in receiver.requests[0].headers


async def test_a_hundred_posts_go_at_once_each_on_its_connection(client: GuardedClient) -> None:
    async with Receiver("slow") as receiver:
        async with asyncio.timeout(12):  # one after the other they would take twice as long
            answers = await asyncio.gather(*(post(client, receiver.url) for _ in range(120)))
        assert {answer.status for answer in answers} == {200}
        assert receiver.connections == 120


async def test_a_connection_is_used_again(client: GuardedClient) -> None:
    async with Receiver() as receiver:
        for _ in range(5):
            await post(client, receiver.url)
    assert [request.connection for request in receiver.requests] == [1] * 5


@pytest.mark.parametrize("behaviour", ["stale", "stale-reset"])
async def test_a_connection_that_was_closed_meanwhile_is_replaced_at_once(
    client: GuardedClient, behaviour: str
) -> None:
    async with Receiver(behaviour) as receiver:
        await asyncio.gather(*(post(client, receiver.url) for _ in range(3)))
        kept = receiver.connections
        answer = await post(client, receiver.url)
        assert answer.status == 200
        assert answer.ip == "127.0.0.1"  # it was dialled again, not tried on the next of those that were kept
        assert receiver.connections == kept + 1


async def test_a_connection_that_closes_after_its_answer_is_not_missed(client: GuardedClient) -> None:
    async with Receiver("closing") as receiver:
        assert [(await post(client, receiver.url)).status for _ in range(5)] == [200] * 5
        assert receiver.connections == 5
        assert len(receiver.requests) == 5


async def test_what_is_kept_open_is_bounded(client: GuardedClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_KEPT", 3)
    async with Receiver("slow") as receiver:
        await asyncio.gather(*(post(client, receiver.url) for _ in range(8)))
        assert receiver.connections == 8
        await asyncio.gather(*(post(client, receiver.url) for _ in range(3)))
        assert receiver.connections == 8
        await asyncio.gather(*(post(client, receiver.url) for _ in range(4)))
        assert receiver.connections == 9


async def test_a_name_is_looked_up_once_for_many_posts(client: GuardedClient, names: NameServer) -> None:
    names.say("receiver.test", ["127.0.0.1"])
    async with Receiver("slow", host="receiver.test") as receiver:
        answers = await asyncio.gather(*(post(client, receiver.url) for _ in range(10)))
    assert {answer.ip for answer in answers} == {"127.0.0.1"}
    assert [kind for _, kind in names.asked].count(A) == 1
    assert receiver.requests[0].headers["host"] == f"receiver.test:{receiver.port}"


async def test_the_next_address_is_tried_when_one_is_deaf(client: GuardedClient, names: NameServer) -> None:
    names.say("receiver.test", ["127.0.0.1", "::1"])
    async with Receiver(host="receiver.test") as receiver:  # not on ::1
        answer = await post(client, receiver.url)
    assert (answer.status, answer.ip) == (200, "127.0.0.1")


async def test_a_client_closes_at_any_time_and_opens_anew(opening: Opening) -> None:
    client = opening()
    await client.close()
    async with Receiver() as receiver, Receiver("silent") as silent:
        assert (await post(client, receiver.url)).status == 200
        waiting = asyncio.create_task(failure(client, silent.url))
        await silent.wait_for(1)
        await client.close()
        assert (await waiting).code == "connection_lost"
        assert (await post(client, receiver.url)).status == 200


async def test_a_cancelled_post_leaves_nothing(client: GuardedClient) -> None:
    async with Receiver("silent") as receiver:
        before = asyncio.all_tasks()
        task = asyncio.create_task(post(client, receiver.url))
        await receiver.wait_for(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(asyncio.all_tasks() - before) == 1  # the receiver's own


def test_it_is_made_outside_of_a_loop_and_is_an_outbound() -> None:
    client: Outbound = GuardedClient(timeouts=OutboundTimeouts(dns_s=1, connect_s=1, post_s=1, fetch_s=1))
    assert isinstance(client, GuardedClient)
