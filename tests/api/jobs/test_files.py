"""GET and HEAD /v1/jobs/{id}/files/{name}: the outputs, whole, in part, or not at all."""

import hashlib

import httpx
import pytest
from arq.connections import ArqRedis

from api.http.ranges import names, parse_range
from tasks.kind import OutputFile, Result
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.storage.content_disposition import attachment
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import client_of, serving
from tests.support.blobs import put
from tests.support.servers import MotoServer

BODY = bytes(range(256)) * 1000
SHA = hashlib.sha256(BODY).hexdigest()


async def finished(client: httpx.AsyncClient, worker: ManualWorker, storage: Storage, name: str = "small.jpg") -> str:
    """The address of a file of a job that has succeeded."""
    blob = await put(storage, BODY, type="image/jpeg", filename=name)
    job_id = (await client.post("/v1/images", content=PNG)).json()["id"]
    await worker.end(job_id, result=Result(files=(OutputFile(name, blob.sha256, "image/jpeg", blob.bytes),)))
    return str((await client.get(f"/v1/jobs/{job_id}")).json()["files"][0]["url"])


@pytest.fixture
async def url(alice: httpx.AsyncClient, worker: ManualWorker, storage: Storage) -> str:
    return await finished(alice, worker, storage)


async def test_a_file_comes_whole_and_is_kept_apart_from_our_pages(alice: httpx.AsyncClient, url: str) -> None:
    answer = await alice.get(url)
    assert answer.status_code == 200
    assert answer.content == BODY
    headers = answer.headers
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["Content-Length"] == str(len(BODY))
    assert headers["ETag"] == f'"{SHA}"'
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Content-Disposition"] == 'attachment; filename="small.jpg"'
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


async def test_a_file_may_be_cached_as_long_as_its_job_is_kept(
    alice: httpx.AsyncClient, url: str, settings: Settings
) -> None:
    parts = (await alice.get(url)).headers["Cache-Control"].split(", ")
    assert {"private", "immutable"} <= set(parts)
    [age] = [int(part.removeprefix("max-age=")) for part in parts if part.startswith("max-age=")]
    assert settings.keep_succeeded_s - 60 <= age <= settings.keep_succeeded_s


async def test_head_answers_what_get_would(alice: httpx.AsyncClient, url: str) -> None:
    got, asked = await alice.get(url), await alice.head(url)
    assert asked.status_code == 200
    assert asked.content == b""
    volatile = {"date", "x-request-id", "cache-control"}
    assert {n: v for n, v in asked.headers.items() if n not in volatile} == {
        n: v for n, v in got.headers.items() if n not in volatile
    }


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_one_has_is_not_sent_again(alice: httpx.AsyncClient, url: str, method: str) -> None:
    answer = await alice.request(method, url, headers={"If-None-Match": f'"other", "{SHA}"'})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == f'"{SHA}"'
    changed = await alice.request(method, url, headers={"If-None-Match": '"other"'})
    assert changed.status_code == 200


async def test_a_part_is_sent_as_a_part(alice: httpx.AsyncClient, url: str) -> None:
    answer = await alice.get(url, headers={"Range": "bytes=100-199"})
    assert answer.status_code == 206
    assert answer.content == BODY[100:200]
    assert answer.headers["Content-Range"] == f"bytes 100-199/{len(BODY)}"
    assert answer.headers["Content-Length"] == "100"
    last = await alice.get(url, headers={"Range": "bytes=-3"})
    assert last.content == BODY[-3:]


async def test_a_part_of_another_version_is_the_whole_of_this_one(alice: httpx.AsyncClient, url: str) -> None:
    ours = await alice.get(url, headers={"Range": "bytes=0-0", "If-Range": f'"{SHA}"'})
    other = await alice.get(url, headers={"Range": "bytes=0-0", "If-Range": '"other"'})
    assert (ours.status_code, other.status_code) == (206, 200)
    assert other.content == BODY


async def test_a_part_past_the_end_is_refused(alice: httpx.AsyncClient, url: str) -> None:
    answer = await alice.get(url, headers={"Range": f"bytes={len(BODY)}-"})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{len(BODY)}"


async def test_there_is_no_file_before_success(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    job_id = (await alice.post("/v1/images", content=PNG)).json()["id"]
    early = await alice.get(f"/v1/jobs/{job_id}/files/small.jpg")
    await worker.end(job_id, "failed", error=("corrupt", "It is damaged."))
    late = await alice.get(f"/v1/jobs/{job_id}/files/small.jpg")
    assert [(a.status_code, a.json()["code"]) for a in (early, late)] == [(409, "not_ready")] * 2


async def test_a_file_that_the_job_has_not_is_not_found(alice: httpx.AsyncClient, url: str) -> None:
    for name in ("large.jpg", "%2e%2e", SHA):
        answer = await alice.get(url.replace("small.jpg", name))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_anothers_file_is_not_found(bob: httpx.AsyncClient, url: str) -> None:
    assert (await bob.get(url)).status_code == 404


async def test_a_file_that_was_swept_is_gone_before_a_header_is_sent(
    alice: httpx.AsyncClient, url: str, storage: Storage
) -> None:
    await storage.delete([SHA])
    answer = await alice.get(url)
    assert (answer.status_code, answer.json()["code"]) == (410, "expired")


async def test_a_bucket_is_asked_directly(
    redis: ArqRedis, settings: Settings, worker: ManualWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in MotoServer.environment.items():
        monkeypatch.setenv(name, value)
    with MotoServer() as s3:
        changes = {"storage_url": f"s3://{s3.bucket}/files", "storage_endpoint": s3.url}
        there = settings.model_copy(update=changes)
        async with serving(there) as port, client_of(port) as alice:
            url = await finished(alice, worker, open_storage(there), "größe.jpg")
            await put(open_storage(there), BODY, type="text/html", filename="bobs-secret-plan.html")
            answer = await alice.get(url)
            known = await alice.get(url, headers={"If-None-Match": f'"{SHA}"'})
            asked = await alice.head(url)
            sent = await alice.get(f"{url}?redirect=false", headers={"Range": "bytes=0-9"})
        assert answer.status_code == 307
        assert (sent.status_code, sent.content) == (206, BODY[:10]), "pages that load nothing else get the bytes here"
        assert answer.headers["Location"].startswith(s3.url)
        assert answer.headers["Cache-Control"] == "no-store"
        assert (known.status_code, asked.status_code) == (304, 200)
        async with httpx.AsyncClient() as anyone:
            there_it_is = await anyone.get(answer.headers["Location"])
        assert there_it_is.content == BODY
        assert there_it_is.headers["Content-Type"] == "image/jpeg"
        assert there_it_is.headers["Content-Disposition"].startswith("attachment;")


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("bytes=0-9", (0, 10)),
        ("BYTES = 0 - 9", (0, 10)),
        ("bytes=90-", (90, 100)),
        ("bytes=90-1000", (90, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-1000", (0, 100)),
        ("bytes=9-0", None),
        ("bytes=0-1,5-6", None),
        ("bytes=-", None),
        ("lines=0-9", None),
        ("bytes=a-b", None),
        ("bytes=" + "9" * 30 + "-", None),
    ],
)
def test_ranges_are_read_as_the_rfc_writes_them(header: str | None, part: tuple[int, int] | None) -> None:
    assert parse_range(header, 100) == part


@pytest.mark.parametrize(("header", "size"), [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-5", 0)])
def test_no_bytes_are_no_part(header: str, size: int) -> None:
    with pytest.raises(Refusal) as refused:
        parse_range(header, size)
    assert (refused.value.code, refused.value.limit) == ("range_not_satisfiable", size)


def test_conditions_are_read_as_the_rfc_writes_them() -> None:
    assert names('"a"', '"a"')
    assert names('W/"a" , "b"', '"a"')
    assert names("*", '"a"')
    assert not names(None, '"a"')
    assert not names('"ab"', '"a"')


def test_names_cannot_break_out_of_their_header() -> None:
    assert attachment("a b.png") == 'attachment; filename="a b.png"'
    assert (
        attachment('a"; x=\r\n.png')
        == "attachment; filename=\"a__ x=__.png\"; filename*=UTF-8''a%22%3B%20x%3D%0D%0A.png"
    )
    assert attachment("größe.png") == "attachment; filename=\"gr__e.png\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.png"
