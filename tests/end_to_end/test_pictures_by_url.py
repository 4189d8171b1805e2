"""A picture's whole way from an address that somebody named, through real processes."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from PIL import Image

from tests.support.pictures import encoded, scene
from tests.support.receivers import Receiver


async def ended(client: httpx.AsyncClient, url: str, **options: str) -> dict[str, Any]:
    body = {"url": url, "variants": [{"name": "tiny", "width": 16}], **options}
    posted = await client.post("/v1/images", json=body)
    assert posted.status_code == 202, posted.text
    job: dict[str, Any] = (await client.get(posted.headers["Location"], params={"wait": 20})).json()
    return job


async def test_a_picture_is_fetched_and_its_thumbnails_made(address: str) -> None:
    async with (
        Receiver("file", content=encoded(scene(64, 48), "png")) as receiver,
        httpx.AsyncClient(base_url=address, timeout=30) as client,
    ):
        job = await ended(client, receiver.at("/photos/cat.png"))
        assert (job["state"], job["name"]) == ("succeeded", "cat.png")
        (file,) = job["files"]
        with Image.open(io.BytesIO((await client.get(file["url"])).content)) as picture:
            assert picture.size == (16, 12)
        assert [request.headers["accept-encoding"] for request in receiver.requests] == ["identity"]


async def test_a_redirect_and_a_file_too_large_fail_at_once_with_their_reason(address: str) -> None:
    async with Receiver() as receiver, httpx.AsyncClient(base_url=address, timeout=30) as client:
        for behaviour, code in (("redirecting", "redirected"), ("endless", "too_large"), ("status/404", "bad_status")):
            job = await ended(client, receiver.at(f"/{behaviour}"))
            assert (job["state"], job["error"]["code"], job["error"]["field"]) == ("failed", code, "url")
            assert job["files"] == []


async def test_what_was_fetched_is_kept_if_that_is_asked_for(address: str) -> None:
    async with (
        Receiver("file", content=encoded(scene(64, 48), "png")) as receiver,
        httpx.AsyncClient(base_url=address, timeout=30) as client,
    ):
        job = await ended(client, receiver.at("/cat.png"), keep="2h")
        kept = (await client.get(f"/v1/uploads/{job['id']}")).json()
        assert (kept["name"], kept["bytes"]) == ("cat.png", len(encoded(scene(64, 48), "png")))
        left = datetime.fromisoformat(job["result"]["kept_until"]) - datetime.now(UTC)
        assert timedelta(hours=1) < left < timedelta(hours=2)
        more = await client.post("/v1/images", json={"job": job["id"], "variants": [{"name": "half", "width": 32}]})
        more = await client.get(more.headers["Location"], params={"wait": 20})
        assert (more.json()["state"], more.json()["files"][0]["about"]["width"]) == ("succeeded", 32)
        assert len(receiver.requests) == 1, "it was not fetched again"
