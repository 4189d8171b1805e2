"""A picture that is fetched from its address: by the real client, from real receivers, into the work of any picture."""

import importlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import ValidationError
from redis.asyncio import Redis

from tasks.blob_ref import BlobRef
from tasks.kind import JobContext, Notes, Result, TryAgain
from tasks.outbound.client import GuardedClient, OutboundTimeouts
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.thumbnail.kind import FIRST_MEMORY_MB, make_thumbnails
from tasks.thumbnail.params import ThumbnailParams
from tasks.thumbnail.variants import variants_of
from tests.support.pictures import encoded, scene
from tests.support.receivers import Receiver
from tests.support.thumbnail.drawing import silent
from tools.servers import free_port

PNG = encoded(scene(64, 48), "png")
SETTINGS = Settings(_env_file=None, storage_url="memory://", max_upload_bytes=3_000_000, reuse_renders_s=0)


@dataclass
class Here:
    """Does the sandbox's work in this process, and remembers what memory was asked for."""

    memory_mb: list[int] = field(default_factory=list)

    async def call(self, function: str, *args: Any, memory_mb: int, **_: Any) -> Any:
        self.memory_mb.append(memory_mb)
        module, name = function.split(":")
        return getattr(importlib.import_module(module), name)(*args, report=silent)


@dataclass(frozen=True)
class Folder:
    folder: Path


@dataclass(frozen=True)
class Work:
    """Runs the kind's function with what it needs and no more."""

    folder: Path
    outbound: GuardedClient
    sandbox: Here = field(default_factory=Here)

    async def on(self, url: str, settings: Settings = SETTINGS) -> Result:
        job = JobContext(
            job_id="1",
            owner="dev",
            attempt=1,
            params=ThumbnailParams(url=url, variants=variants_of([{"name": "tiny", "width": 16}])),
            scratch=Folder(self.folder),
            redis=cast("Redis[bytes]", None),
            reader=cast("Any", None),
            storage=open_storage(settings),
            sandbox=self.sandbox,
            outbound=self.outbound,
            settings=settings,
            progress=lambda *_: None,
            notes=Notes(),
        )
        return await make_thumbnails(job)

    async def fails(self, url: str) -> TryAgain | Refusal:
        with pytest.raises((TryAgain, Refusal)) as caught:
            await self.on(url)
        assert list(self.folder.iterdir()) == []
        assert isinstance(caught.value, TryAgain | Refusal)
        return caught.value


@pytest.fixture
async def work(tmp_path: Path) -> AsyncIterator[Work]:
    client = GuardedClient(
        timeouts=OutboundTimeouts(dns_s=5, connect_s=5, post_s=5, fetch_s=2),
        networks=(ip_network("127.0.0.0/8"),),
        http=True,
    )
    yield Work(tmp_path, client)
    await client.close()


@pytest.mark.parametrize("behaviour", ["file", "streamed"])
async def test_a_picture_is_fetched_and_drawn(work: Work, behaviour: str) -> None:
    async with Receiver(behaviour, content=PNG) as receiver:
        result = await work.on(receiver.at("/photos/cat.jpg"))
    assert result.value["picture"]["format"] == "png"  # told by its bytes, not by its name or type
    assert [(file.name, file.about) for file in result.files] == [("tiny.jpg", {"width": 16, "height": 12})]
    assert [request.path for request in receiver.requests] == ["/photos/cat.jpg"]


async def test_the_sandbox_is_given_room_for_what_came(work: Work) -> None:
    padded = PNG + bytes(2_500_000)
    async with Receiver("streamed", content=padded) as receiver:
        await work.on(receiver.url)
    assert work.sandbox.memory_mb == [FIRST_MEMORY_MB + 2]


PASSING = {
    "silent": "answer_timed_out",
    "drip": "answer_timed_out",
    "hang-up": "connection_lost",
    "truncated": "connection_lost",
    "status/500": "bad_status",
    "status/503": "bad_status",
    "status/429": "bad_status",
}


@pytest.mark.parametrize("behaviour", PASSING)
async def test_trouble_that_may_pass_is_tried_again(work: Work, behaviour: str) -> None:
    async with Receiver() as receiver:
        trouble = await work.fails(receiver.at(f"/{behaviour}"))
    assert isinstance(trouble, TryAgain)
    assert trouble.code == PASSING[behaviour]
    assert ("Its status was 200." in trouble.message) == (behaviour in ("drip", "truncated"))


async def test_a_server_that_is_down_is_tried_again(work: Work) -> None:
    trouble = await work.fails(f"http://127.0.0.1:{free_port()}/")
    assert isinstance(trouble, TryAgain)
    assert trouble.code == "connect_failed"


FINAL = {
    "status/404": "bad_status",
    "status/403": "bad_status",
    "redirecting": "redirected",
    "garbage": "malformed_answer",
    "endless": "too_large",
    "large": "too_large",
}


@pytest.mark.parametrize("behaviour", FINAL)
async def test_trouble_that_stays_is_final_and_names_the_url(work: Work, behaviour: str) -> None:
    async with Receiver() as receiver:
        trouble = await work.fails(receiver.at(f"/{behaviour}"))
    assert isinstance(trouble, Refusal)
    assert (trouble.code, trouble.field) == (FINAL[behaviour], "url")


async def test_an_empty_answer_is_final(work: Work) -> None:
    async with Receiver("file") as receiver:
        with pytest.raises(Refusal) as caught:
            await work.on(receiver.url)
    assert (caught.value.code, caught.value.field) == ("no_file", "url")


@pytest.mark.parametrize("host", ["10.0.0.7", "169.254.169.254", "[::1]"])
async def test_an_address_inside_is_final(work: Work, host: str) -> None:
    trouble = await work.fails(f"http://{host}:8080/cat.png")
    assert isinstance(trouble, Refusal)
    assert (trouble.code, trouble.field) == ("address_refused", "url")


async def test_bytes_that_are_no_picture_are_refused_by_what_they_are(work: Work) -> None:
    async with Receiver("file", content=b"8BPS" + bytes(60)) as receiver:
        with pytest.raises(Refusal) as caught:
            await work.on(receiver.at("/cat.png"))
    assert caught.value.code == "unsupported_format"


def test_params_name_an_upload_or_a_url_and_not_both() -> None:
    upload, variants = BlobRef("0" * 64, 1), variants_of("avatar")
    assert ThumbnailParams(upload=upload, variants=variants).url is None
    for neither_or_both in ({}, {"upload": upload, "url": "https://example.com/"}):
        with pytest.raises(ValidationError, match="either an upload or a url"):
            ThumbnailParams(variants=variants, **neither_or_both)
