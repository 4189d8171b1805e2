"""One trace, from a request through its job to the webhook that tells of it: real processes and a collector."""

import secrets
from collections.abc import Callable, Iterator, Sequence

import httpx
import pytest

from tests.support.collector import Collector, Span
from tests.support.pictures import encoded, scene
from tests.support.receivers import Receiver
from tools.demo.demo import pressroom

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = range(1, 6)
MARKER = "open-sesame"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def traced(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a deployment that exports its spans."""
    deployment = tmp_path_factory.mktemp("traced")
    with pressroom(
        deployment,
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_BSP_SCHEDULE_DELAY="50",
        LOG_LEVEL="warning",
        SANDBOX_CHILDREN="1",
    ) as address:
        yield address


def whole(trace: str, *names: str) -> Callable[[Sequence[Span]], bool]:
    """Whether these spans of a trace have come."""
    return lambda spans: {*names} <= {span.name for span in spans if span.trace == trace}


async def test_a_request_its_job_and_its_webhook_are_one_trace(traced: str, collector: Collector) -> None:
    trace, caller = secrets.token_hex(16), secrets.token_hex(8)
    async with Receiver() as inbox, httpx.AsyncClient(base_url=traced, timeout=30) as client:
        posted = await client.post(
            "/v1/images",
            content=encoded(scene(64, 48), "png"),
            params={"variants": "avatar", "name": MARKER, "notify": f'{{"url": "{inbox.at("/hook")}?{MARKER}"}}'},
            headers={"traceparent": f"00-{trace}-{caller}-01"},
        )
        assert posted.status_code == 202, posted.text
        [told] = await inbox.wait_for(1)
    spans = collector.wait_for(whole(trace, "POST /v1/images", "run delivery", "run thumbnail"))
    of = {span.name: span for span in spans if span.trace == trace}

    request, submit, run = of["POST /v1/images"], of["submit thumbnail"], of["run thumbnail"]
    event, delivery, post = of["run event"], of["run delivery"], of["POST"]
    assert (request.parent, submit.parent, run.parent) == (caller, request.id, submit.id)
    assert (event.parent, delivery.parent, post.parent) == (submit.id, submit.id, delivery.id)
    assert [one.kind for one in (request, submit, run, event, delivery, post)] == [
        *(SERVER, PRODUCER, CONSUMER, CONSUMER, CONSUMER, CLIENT)
    ]
    drawn = of["sandbox tasks.thumbnail.imaging:render"]
    assert (drawn.parent, drawn.kind) == (run.id, INTERNAL)
    assert {one.service for one in (request, submit)} == {"pressroom-web"}
    assert {one.service for one in (run, event, delivery, post, drawn)} == {"pressroom-worker"}
    assert told.headers["traceparent"] == f"00-{trace}-{post.id}-01"

    assert request.attributes["http.route"] == "/v1/images"
    assert request.attributes["http.response.status_code"] == 202
    assert run.attributes["messaging.message.id"] == posted.json()["id"]
    assert post.attributes["server.address"] == "127.0.0.1"
    assert not any(span.error for span in of.values())
    assert not any(MARKER.encode() in body for body in collector.received)


async def test_without_a_trace_a_request_begins_one(traced: str, collector: Collector) -> None:
    async with Receiver() as inbox, httpx.AsyncClient(base_url=traced, timeout=30) as client:
        for given in ({}, {"traceparent": "00-" + "0" * 32 + "-b7ad6b7169203331-01"}):
            await client.post(
                "/v1/images", content=b"GIF89a", params={"notify": inbox.at(f"/{len(given)}")}, headers=given
            )
        told = await inbox.wait_for(2)
    for request in told:
        trace = request.headers["traceparent"].split("-")[1]
        spans = collector.wait_for(whole(trace, "POST /v1/images", "run thumbnail"))
        of = {span.name: span for span in spans if span.trace == trace}
        assert of["POST /v1/images"].parent == ""
        # What was sent is no picture: the job fails, and so does its span.
        assert of["run thumbnail"].error
        assert of["run thumbnail"].attributes["error.type"] == "truncated"
        assert not of["submit thumbnail"].error


async def test_a_trace_that_is_not_recorded_goes_on_unrecorded(traced: str, collector: Collector) -> None:
    trace, later = secrets.token_hex(16), secrets.token_hex(16)
    async with Receiver() as inbox, httpx.AsyncClient(base_url=traced, timeout=30) as client:
        for one, flags in ((trace, "00"), (later, "01")):
            await client.post(
                "/v1/images",
                content=b"GIF89a",
                params={"notify": inbox.url},
                headers={"traceparent": f"00-{one}-b7ad6b7169203331-{flags}"},
            )
            await inbox.wait_for(1 if one == trace else 2)
        told = [request.headers["traceparent"] for request in inbox.requests]
    assert [(one.split("-")[1], one.split("-")[3]) for one in told] == [(trace, "00"), (later, "01")]
    collector.wait_for(whole(later, "POST /v1/images", "run delivery"))
    assert collector.of(trace) == []
