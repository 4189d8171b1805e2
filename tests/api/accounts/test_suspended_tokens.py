"""What an owner has given to web pages ends with its suspension: upload tokens, job tokens and signed URLs."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.accounts.owners import OwnerStore
from tasks.kind import OutputFile, Result
from tasks.public_files.signing import FileSigner, SignedFile
from tasks.queue.account_keys import OWNER
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.owned import FILE, ORIGIN
from tests.support.api.pictures import PNG
from tests.support.api.serving import ALICE, BOB, client_of, serving
from tests.support.blobs import put
from tests.support.eventually import eventually

UNANNOUNCED_S = 0.2
Requests = dict[str, Callable[[], Awaitable[httpx.Response]]]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Alice is an admin."""
    return settings.model_copy(update={"admins": ("alice",)})


@pytest.fixture
async def alice(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(port, ALICE) as client:
        yield client


async def given(port: int, worker: ManualWorker, storage: Storage) -> Requests:
    """Requests with what bob has given to a page; each is answered."""
    async with client_of(port, BOB) as bob:
        minted = {"origin": ORIGIN, "uses": 100}
        upload_token = (await bob.post("/v1/upload-tokens", json=minted)).json()["token"]
        page = {"Origin": ORIGIN, "Authorization": f"Bearer {upload_token}"}
        job = (await bob.post("/v1/images", content=PNG, headers=page)).json()
    blob = await put(storage, b"small")
    await worker.end(job["id"], result=Result(files=(OutputFile(FILE, blob.sha256, "image/jpeg", blob.bytes),)))
    signed = FileSigner(["k" * 32]).path(SignedFile(job["id"], blob.sha256, FILE, "image/jpeg"))

    def sending(
        method: str, path: str, token: str | None = None, content: bytes | None = None
    ) -> Callable[[], Awaitable[httpx.Response]]:
        async def send() -> httpx.Response:
            async with client_of(port, token) as client:
                return await client.request(method, path, content=content, headers={"Origin": ORIGIN})

        return send

    requests = {
        "upload token": sending("POST", "/v1/images", upload_token, PNG),
        "job token": sending("GET", f"/v1/jobs/{job['id']}", job["token"]),
        "file of a job token": sending("GET", f"/v1/jobs/{job['id']}/files/{FILE}", job["token"]),
        "token of events": sending("GET", f"/v1/jobs/{job['id']}/events?token={job['token']}"),
        "signed URL": sending("GET", signed),
        "head of a signed URL": sending("HEAD", signed),
    }
    for name, send in requests.items():
        assert (await send()).is_success, name
    return requests


async def all_refused(requests: Requests) -> bool:
    answers = [await send() for send in requests.values()]
    return all(answer.status_code == 403 for answer in answers)


async def all_let_in(requests: Requests) -> bool:
    return all([(await send()).is_success for send in requests.values()])


async def test_all_are_refused_at_once_and_go_on_with_the_resume(
    port: int, alice: httpx.AsyncClient, worker: ManualWorker, storage: Storage
) -> None:
    requests = await given(port, worker, storage)
    await alice.post("/v1/owners", json={"name": "bob"})
    await alice.post("/v1/owners/bob/suspension")
    assert await eventually(lambda: all_refused(requests))
    for name, send in requests.items():
        answer = await send()
        assert not answer.content or answer.json()["code"] == "owner_suspended", name
        if "signed" in name:
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert "bob" not in answer.text, "a page does not learn who the owner is"
    await alice.delete("/v1/owners/bob/suspension")
    assert await eventually(lambda: all_let_in(requests))


async def test_they_are_refused_after_the_time_of_the_cache_if_the_message_is_lost(
    settings: Settings, redis: ArqRedis, worker: ManualWorker, storage: Storage
) -> None:
    async with serving(settings.model_copy(update={"account_cache_s": UNANNOUNCED_S})) as port:
        requests = await given(port, worker, storage)
        await OwnerStore(redis).create("bob", {})
        await redis.hset(OWNER + "bob", "suspended_at", 1)
        assert await eventually(lambda: all_refused(requests))


def test_the_time_of_the_cache_is_30_s_at_most() -> None:
    assert Settings(_env_file=None).account_cache_s <= 30
    with pytest.raises(ValueError, match="less than or equal to 30"):
        Settings(_env_file=None, account_cache_s=31)
