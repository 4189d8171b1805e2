"""GET, HEAD and OPTIONS /f/{signed}: files for anyone who has their URL, and for nobody else."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from arq.connections import ArqRedis

from api.public_files import live_files
from api.public_files.serving import MAX_AGE_S
from tasks.kind import OutputFile, Result
from tasks.public_files.signing import FileSigner, SignedFile
from tasks.queue.redis_keys import JOB
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import client_of, serving
from tests.support.blobs import put

BODY = bytes(range(256)) * 1000
SHA = hashlib.sha256(BODY).hexdigest()
FILES_HOST = {"Host": "files.example.com"}
signer = FileSigner(["k" * 32])  # as the settings of these tests have it


@pytest.fixture
def settings(settings: Settings) -> Settings:
    changes = {"public_url": "https://pressroom.example.com", "public_files_url": "https://files.example.com"}
    # With proxies that are believed: what a response depends on is the Host alone, as caches have it.
    return settings.model_copy(update=changes | {"forwarded_hops": 1, "forwarded_host": True})


@pytest.fixture
async def anyone(port: int) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without an API key."""
    async with client_of(port, key=None) as client:
        yield client


@pytest.fixture(autouse=True)
def seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_files, "KNOWN_S", 0)


async def made(
    client: httpx.AsyncClient,
    worker: ManualWorker,
    storage: Storage,
    name: str = "small.jpg",
    type: str = "image/jpeg",
) -> SignedFile:
    """A file of a job that has succeeded."""
    blob = await put(storage, BODY)
    job_id = (await client.post("/v1/images", content=PNG)).json()["id"]
    await worker.end(job_id, result=Result(files=(OutputFile(name, blob.sha256, type, blob.bytes),)))
    return SignedFile(job_id, blob.sha256, name, type)


@pytest.fixture
async def file(alice: httpx.AsyncClient, worker: ManualWorker, storage: Storage) -> SignedFile:
    return await made(alice, worker, storage)


@pytest.fixture
def url(file: SignedFile) -> str:
    return signer.path(file)


async def test_a_picture_is_shown_in_any_page(anyone: httpx.AsyncClient, url: str, settings: Settings) -> None:
    answer = await anyone.get(url, headers={"Origin": "https://shop.example"})
    assert (answer.status_code, answer.content) == (200, BODY)
    headers = answer.headers
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["Content-Length"] == str(len(BODY))
    assert headers["ETag"] == f'"{SHA}"'
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Content-Disposition"] == 'inline; filename="small.jpg"'
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in headers
    assert "Set-Cookie" not in headers
    assert headers["Cache-Control"] == f"public, max-age={MAX_AGE_S}, immutable"
    assert settings.keep_succeeded_s > MAX_AGE_S


async def test_head_answers_what_get_would(anyone: httpx.AsyncClient, url: str) -> None:
    got, asked = await anyone.get(url), await anyone.head(url)
    assert (asked.status_code, asked.content) == (200, b"")
    volatile = {"date", "x-request-id", "cache-control"}
    assert {n: v for n, v in asked.headers.items() if n not in volatile} == {
        n: v for n, v in got.headers.items() if n not in volatile
    }


async def test_a_page_may_ask_for_a_part(anyone: httpx.AsyncClient, url: str) -> None:
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}
    before = await anyone.options(url, headers=asked | {"Access-Control-Request-Headers": "range"})
    assert before.status_code == 204
    assert before.headers["Access-Control-Allow-Origin"] == "*"
    assert "Range" in before.headers["Access-Control-Allow-Headers"]
    part = await anyone.get(url, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, BODY[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(BODY)}"
    assert part.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


PARTS: tuple[tuple[dict[str, str], int, slice], ...] = (
    ({"Range": "bytes=-3"}, 206, slice(-3, None)),
    ({"Range": "bytes=0-0", "If-Range": f'"{SHA}"'}, 206, slice(0, 1)),
    ({"Range": "bytes=0-0", "If-Range": '"other"'}, 200, slice(None)),
    ({"Range": "bytes=0-0", "If-Range": "Wed, 21 Oct 2065 07:28:00 GMT"}, 200, slice(None)),
    ({"Range": "bytes=0-1,5-6"}, 200, slice(None)),
    ({"Range": "bytes=" + ",".join("0-" for _ in range(1000))}, 200, slice(None)),
    ({"Range": "bytes=9-0"}, 200, slice(None)),
    ({"Range": "pages=1-2"}, 200, slice(None)),
    ({"Range": "bytes=" + "9" * 400 + "-"}, 200, slice(None)),
)


async def test_parts_are_as_the_rfc_has_them(anyone: httpx.AsyncClient, url: str) -> None:
    for asked, status, part in PARTS:
        answer = await anyone.get(url, headers=asked)
        assert (answer.status_code, answer.content) == (status, BODY[part]), asked


async def test_a_part_past_the_end_is_refused(anyone: httpx.AsyncClient, url: str) -> None:
    answer = await anyone.get(url, headers={"Range": f"bytes={len(BODY)}-"})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{len(BODY)}"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_one_has_is_not_sent_again(anyone: httpx.AsyncClient, url: str, method: str) -> None:
    answer = await anyone.request(method, url, headers={"If-None-Match": f'"{SHA}"'})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["Cache-Control"].startswith("public, max-age=")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_url_ends_with_its_time(anyone: httpx.AsyncClient, file: SignedFile) -> None:
    soon = replace(file, expires_at_s=int(time.time()) + 100)
    answer = await anyone.get(signer.path(soon))
    age = int(answer.headers["Cache-Control"].split("max-age=")[1].split(",")[0])
    assert 90 <= age <= 100
    late = await anyone.get(signer.path(replace(file, expires_at_s=int(time.time()))))
    assert (late.status_code, late.json()["code"]) == (410, "expired")
    assert late.headers["Cache-Control"] == "no-store"
    assert late.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_url_ends_with_its_job(
    alice: httpx.AsyncClient, anyone: httpx.AsyncClient, redis: ArqRedis, file: SignedFile, url: str
) -> None:
    await redis.hset(JOB + file.job_id, "expires_at", int(1000 * time.time()) + 50_000)
    answer = await anyone.get(url)
    assert 40 <= int(answer.headers["Cache-Control"].split("max-age=")[1].split(",")[0]) <= 50
    await redis.hset(JOB + file.job_id, "expires_at", 1)
    assert [(await anyone.request(method, url)).status_code for method in ("GET", "HEAD")] == [410, 410]
    assert (await anyone.get(url)).json()["code"] == "expired"
    await redis.hset(JOB + file.job_id, "expires_at", int(1000 * time.time()) + 50_000)
    assert (await alice.delete(f"/v1/jobs/{file.job_id}")).status_code == 204
    gone = await anyone.get(url)
    assert (gone.status_code, gone.json()["code"], gone.headers["Cache-Control"]) == (404, "not_found", "no-store")


async def test_the_same_bytes_of_another_job_stay(
    alice: httpx.AsyncClient, anyone: httpx.AsyncClient, worker: ManualWorker, storage: Storage, url: str
) -> None:
    other = await made(alice, worker, storage)
    await alice.delete(f"/v1/jobs/{other.job_id}")
    assert (await anyone.get(signer.path(other))).status_code == 404
    assert (await anyone.get(url)).content == BODY


async def test_a_deletion_is_seen_within_seconds(
    alice: httpx.AsyncClient, anyone: httpx.AsyncClient, file: SignedFile, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_files, "KNOWN_S", 0.5)
    assert (await anyone.get(url)).status_code == 200
    await alice.delete(f"/v1/jobs/{file.job_id}")
    async with asyncio.timeout(30):
        while (await anyone.get(url)).status_code == 200:
            await asyncio.sleep(0.05)
    assert (await anyone.get(url)).status_code == 404


async def test_what_is_remembered_is_bounded(
    settings: Settings, redis: ArqRedis, worker: ManualWorker, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_files, "KNOWN_S", 1000)
    monkeypatch.setattr(live_files, "MOST_KNOWN", 2)
    async with serving(settings) as port, client_of(port) as alice:
        some = [await made(alice, worker, storage) for _ in range(3)]
        for one in some:
            await alice.get(signer.path(one))
        await redis.delete(*(JOB + one.job_id for one in some))
        statuses = [(await alice.get(signer.path(one))).status_code for one in reversed(some)]
    assert statuses == [200, 200, 404]


SHOWN = {
    ("small.webp", "image/webp"): "inline",
    ("drawing.svg", "image/svg+xml"): "attachment",
    ("page.html", "text/html"): "attachment",
    ("data.xml", "application/xml"): "attachment",
    ("notes.txt", "text/plain"): "attachment",
    ("report.pdf", "application/pdf"): "attachment",
    ("what", "IMAGE/PNG"): "attachment",
}


async def test_only_pictures_are_shown(
    alice: httpx.AsyncClient, anyone: httpx.AsyncClient, worker: ManualWorker, storage: Storage
) -> None:
    for (name, media_type), disposition in SHOWN.items():
        answer = await anyone.get(signer.path(await made(alice, worker, storage, name, media_type)))
        assert answer.headers["Content-Disposition"] == f'{disposition}; filename="{name}"'
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


async def test_a_pdf_is_shown_on_the_host_of_files_alone(
    alice: httpx.AsyncClient, anyone: httpx.AsyncClient, worker: ManualWorker, storage: Storage
) -> None:
    pdf = await made(alice, worker, storage, "report.pdf", "application/pdf")
    there = await anyone.get(signer.path(pdf), headers=FILES_HOST)
    assert there.headers["Content-Disposition"] == 'inline; filename="report.pdf"'
    assert "sandbox" not in there.headers["Content-Security-Policy"]
    assert there.headers["Content-Security-Policy"].startswith("default-src 'none';")
    saved = await anyone.get(signer.path(replace(pdf, inline=False)), headers=FILES_HOST)
    assert saved.headers["Content-Disposition"].startswith("attachment;")
    for host in ("pressroom.example.com", "files.example.com.evil.example", "files.example.com:444"):
        forged = {"Host": host, "X-Forwarded-Host": "files.example.com"}
        answer = await anyone.get(signer.path(pdf), headers=forged)
        assert answer.headers["Content-Disposition"].startswith("attachment;")
    page = await made(alice, worker, storage, "page.html", "text/html")
    answer = await anyone.get(signer.path(page), headers=FILES_HOST)
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_the_host_of_files_answers_files_alone(
    alice: httpx.AsyncClient, anyone: httpx.AsyncClient, file: SignedFile, url: str
) -> None:
    assert (await anyone.get(url, headers=FILES_HOST)).content == BODY
    places = ("/", "/v1/jobs", f"/v1/jobs/{file.job_id}", "/docs", "/openapi.json", "/metrics", "/livez", "/readyz")
    for place in (*places, "/f", "/f/../v1/jobs", "/f%2f..%2fv1/jobs", "//v1/jobs", "/f/x/../../v1/jobs"):
        answer = await alice.get(place, headers=FILES_HOST | {"Cookie": "session=1"})
        assert answer.status_code in (404, 421), place
        assert "Set-Cookie" not in answer.headers
    posted = await alice.post("/v1/images", content=PNG, headers=FILES_HOST)
    assert (posted.status_code, posted.json()["code"]) == (421, "misdirected")


async def test_a_name_cannot_break_out_of_its_header(
    alice: httpx.AsyncClient, anyone: httpx.AsyncClient, worker: ManualWorker, storage: Storage
) -> None:
    for name in ('a"; x=\r\nSet-Cookie: y=z.jpg', "größe.jpg", "é" * 400 + ".jpg", "../../etc/passwd"):
        answer = await anyone.get(signer.path(await made(alice, worker, storage, name)))
        assert (answer.status_code, answer.content) == (200, BODY), name
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Content-Disposition"].startswith('inline; filename="')
        assert answer.headers["Content-Disposition"].isascii()


async def test_a_forged_url_is_not_found_and_asks_nobody(
    anyone: httpx.AsyncClient, file: SignedFile, url: str, redis: ArqRedis
) -> None:
    forged = FileSigner(["x" * 32]).path(file)
    before = (await redis.info("commandstats")).get("cmdstat_hgetall", {}).get("calls", 0)
    for path in (forged, url[:-9] + ("A" if url[-9] != "A" else "B") + url[-8:], url + "x", url + "/", "/f/", "/f/x"):
        answer = await anyone.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    after = (await redis.info("commandstats")).get("cmdstat_hgetall", {}).get("calls", 0)
    assert before == after


async def test_a_file_that_the_job_has_not_is_not_found(anyone: httpx.AsyncClient, file: SignedFile) -> None:
    for other in (
        replace(file, name="large.jpg"),
        replace(file, blob="0" * 64),
        replace(file, job_id="0" * 32),
    ):
        assert (await anyone.get(signer.path(other))).status_code == 404


async def test_there_is_no_file_before_success(
    alice: httpx.AsyncClient, anyone: httpx.AsyncClient, file: SignedFile
) -> None:
    job_id = (await alice.post("/v1/images", content=PNG)).json()["id"]
    assert (await anyone.get(signer.path(replace(file, job_id=job_id)))).status_code == 404


async def test_bytes_that_are_gone_say_so(anyone: httpx.AsyncClient, url: str, storage: Storage) -> None:
    await storage.delete([SHA])
    answer = await anyone.get(url)
    assert (answer.status_code, answer.json()["code"]) == (410, "expired")


async def test_in_the_open_mode_a_page_of_any_origin_may_show_a_file(
    settings: Settings, redis: ArqRedis, worker: ManualWorker, storage: Storage
) -> None:
    no_keys = settings.model_copy(update={"api_keys": (), "public_url": None, "public_files_url": None})
    async with serving(no_keys) as port, client_of(port, key=None) as client:
        file = await made(client, worker, storage)
        answer = await client.get(signer.path(file), headers={"Origin": "https://shop.example"})
        assert answer.content == BODY


async def test_several_may_ask_at_once(anyone: httpx.AsyncClient, url: str) -> None:
    answers = await asyncio.gather(*(anyone.get(url, headers={"Range": "bytes=0-9"}) for _ in range(20)))
    assert {answer.content for answer in answers} == {BODY[:10]}
