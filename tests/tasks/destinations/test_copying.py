"""The outputs of a job in a bucket of another, by real workers and S3 servers."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.destinations.copying import DestinationUnavailable, OutputCopier, _CopyMemory
from tasks.destinations.record import DestinationRecord, delete_destination, put_destination, seal_secret
from tasks.kind import JobContext, Kind, OutputFile, Result
from tasks.outbound.open import open_outbound
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.submission import Submission
from tasks.queue.records.list import read
from tasks.queue.records.record import Record, State, new_id
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.storage.urls.presigned_url import Credentials, presigned
from tasks.webhook.secret_box import SecretBox
from tests.support.engine_running import JobClient, working
from tests.support.eventually import eventually
from tests.support.kinds import Anything
from tests.support.servers import MotoServer, RcloneServer, S3Server
from tools.servers import free_port

KEY = "k" * 32
REGION = S3Server.environment["AWS_REGION"]
BODY = b"the bytes of a picture"


@pytest.fixture
def settings() -> Settings:
    return Settings(
        _env_file=None,
        storage_url="memory://",
        secret_key=KEY,
        outbound_networks="127.0.0.0/8",
        outbound_http=True,
        storage_first_pause_s=0.05,
        storage_max_pause_s=0.1,
        connect_timeout_s=1,
        destination_pause_s=0.05,
    )


async def make_file(job: JobContext[Anything]) -> Result:
    path = job.scratch.folder / "small.jpg"
    path.write_bytes(BODY)
    blob = await job.storage.put_file(path, type="image/jpeg", filename="small.jpg")
    return Result(files=(OutputFile("small.jpg", blob.sha256, "image/jpeg", blob.bytes, {"width": 3}),))


FILE_MAKER = Kind(name="file-maker", queue="default", params=Anything, run=make_file)


async def destined(redis: ArqRedis, endpoint: str, prefix: str, **changes: Any) -> str:
    """The name of a new destination of alice's."""
    name = prefix.partition("/")[0]
    environment: Mapping[str, str] = S3Server.environment
    secret = seal_secret(SecretBox([KEY]), "alice", name, environment["AWS_SECRET_ACCESS_KEY"])
    fields: dict[str, Any] = {
        "name": name,
        "bucket": S3Server.bucket,
        "prefix": prefix,
        "endpoint": endpoint,
        "region": REGION,
        "path": "{job}/{variant}-{width}.{ext}",
        "overwrite": False,
        "access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "sealed_secret": secret,
    }
    await put_destination(redis, "alice", DestinationRecord(**fields | changes), most=10)
    return name


async def asked(method: str, url: str, content: bytes = b"") -> httpx.Response:
    """What the server of a bucket answers its owner."""
    keys = Credentials(S3Server.environment["AWS_ACCESS_KEY_ID"], S3Server.environment["AWS_SECRET_ACCESS_KEY"], REGION)
    async with httpx.AsyncClient() as client:
        signed = presigned(method, url, keys, 60, datetime.now(UTC))
        return (await client.request(method, signed, content=content)).raise_for_status()


async def ended(redis: ArqRedis, settings: Settings, destination: str, kind: Kind[Anything] = FILE_MAKER) -> Record:
    """A job with this destination, once it has ended."""
    submission = Submission(
        kind="file-maker", queue="default", owner="alice", params="{}", destination=destination, job_id=new_id()
    )
    outbound, storage = open_outbound(settings), open_storage(settings)
    async with working(redis, settings, kinds={"file-maker": kind}, outbound=outbound, storage=storage):
        job_id = (await Enqueuer(redis, settings).enqueue(submission)).job_id

        async def is_over() -> bool:
            record = await read(redis, job_id)
            return record is not None and record.state.ended

        await eventually(is_over)
    await outbound.close()
    await delete_destination(redis, "alice", destination)
    record = await read(redis, job_id)
    assert record is not None
    return record


async def attempted(jobs: JobClient, job_id: str) -> Record:
    """A job of which an attempt has ended."""
    record: Record = await eventually(lambda: jobs.read(job_id), lambda seen: bool(seen.attempts))
    return record


@pytest.mark.parametrize("server", ["moto", "rclone"])
async def test_outputs_are_copied_where_the_path_says(
    redis: ArqRedis, settings: Settings, server: str, moto: MotoServer, rclone: RcloneServer
) -> None:
    endpoint = (moto if server == "moto" else rclone).url
    record = await ended(redis, settings, await destined(redis, endpoint, "copied"))
    assert record.state is State.SUCCEEDED, record.error
    [url] = (record.result or {})["destination"]["urls"]
    path = f"copied/{record.id}/small-3.jpg"
    assert url == f"s3://pressroom/{path}"
    if server == "moto":
        there = await asked("GET", f"{endpoint}/pressroom/{path}")
        assert (there.content, there.headers["content-type"]) == (BODY, "image/jpeg")
    else:
        assert (rclone.folder / "pressroom" / path).read_bytes() == BODY


async def test_what_is_there_already_is_replaced_only_if_that_was_said(
    redis: ArqRedis, settings: Settings, moto: MotoServer
) -> None:
    place = f"{moto.url}/pressroom/taken/small.jpg"
    await asked("PUT", place, b"other bytes")
    refused = await ended(redis, settings, await destined(redis, moto.url, "taken", path="{name}"))
    assert (refused.state, (refused.error or {})["code"]) == (State.FAILED, "destination_exists")
    assert (await asked("GET", place)).content == b"other bytes"
    await asked("PUT", place, BODY)
    repeated = await ended(redis, settings, await destined(redis, moto.url, "taken", path="{name}"))
    assert repeated.state is State.SUCCEEDED, "an attempt that was cut off may have copied it"
    await asked("PUT", place, b"other bytes")
    replaced = await ended(redis, settings, await destined(redis, moto.url, "taken", path="{name}", overwrite=True))
    assert replaced.state is State.SUCCEEDED
    assert (await asked("GET", place)).content == BODY


async def test_a_destination_that_is_away_is_waited_for(redis: ArqRedis, settings: Settings) -> None:
    port = free_port()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(BODY))
        answered.append(head.partition(b" ")[0])
        status = b"503 Away" if len(answered) == 1 else b"200 OK"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    answered: list[bytes] = []
    server = await asyncio.start_server(answer, "127.0.0.1", port)
    async with server:
        record = await ended(redis, settings, await destined(redis, f"http://127.0.0.1:{port}", "away"))
    assert record.state is State.SUCCEEDED
    assert answered == [b"PUT", b"PUT"]
    assert record.tries == 0
    assert record.attempts[0]["outcome"] == "postponed"
    error = record.attempts[0]["error"]
    assert error["code"] == "destination_unavailable"
    assert error["message"].startswith("The destination 'away' does not work: It answers with status 503.")


async def test_a_destination_that_hangs_delays_only_its_own_jobs(redis: ArqRedis, settings: Settings) -> None:
    hung, let_go = asyncio.Event(), asyncio.Event()
    puts: list[bytes] = []
    runs: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(BODY))
        puts.append(head.split(b" ")[1])
        if b"/hangs/" in head:
            hung.set()
            await let_go.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async def counted(job: JobContext[Anything]) -> Result:
        runs.append(job.job_id)
        return await make_file(job)

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    hanging, good = await destined(redis, endpoint, "hangs"), await destined(redis, endpoint, "good")
    kind = replace(FILE_MAKER, run=counted)
    slow = settings.model_copy(
        update={"destination_timeout_s": 1.5, "destination_pause_s": 60, "storage_first_pause_s": 60}
    )
    outbound, storage = open_outbound(slow), open_storage(slow)
    async with (
        server,
        working(redis, slow, kinds={"file-maker": kind}, outbound=outbound, storage=storage),
        JobClient(redis, slow) as jobs,
    ):
        first = await jobs.submit("file-maker", owner="alice", destination=hanging)
        await hung.wait()
        waiting = await jobs.submit("file-maker", owner="alice", destination=hanging)
        other = await jobs.ended(await jobs.submit("file-maker", owner="alice", destination=good))
        assert other.state is State.SUCCEEDED, other.error
        for job_id in (first, waiting):
            record = await attempted(jobs, job_id)
            [attempt] = record.attempts
            assert (attempt["outcome"], attempt["error"]["code"]) == ("postponed", "destination_unavailable")
            assert (record.tries, hanging in attempt["error"]["message"]) == (0, True)
        third = await jobs.submit("file-maker", owner="alice", destination=hanging)
        record = await attempted(jobs, third)
        assert record.attempts[0]["error"]["code"] == "destination_unavailable"
        assert third not in runs, "it is not run while its destination is known to be away"
        assert len([path for path in puts if b"/hangs/" in path]) == 1
        let_go.set()
    await outbound.close()


async def test_after_the_pause_one_job_tries_a_destination_that_failed(settings: Settings) -> None:
    now = iter([0.0, 59.0, 61.0, 62.0])
    copier = OutputCopier(settings.model_copy(update={"destination_pause_s": 60}), lambda: next(now))
    copier.mark_away("alice", "archive", "It was away.")
    with pytest.raises(DestinationUnavailable, match="'archive' does not work: It was away"):
        copier.check("alice", "archive", "1")
    copier.check("alice", "archive", "1")
    with pytest.raises(DestinationUnavailable):
        copier.check("alice", "archive", "2")


async def test_the_time_of_a_copy_is_not_that_of_the_kind(redis: ArqRedis, settings: Settings) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(BODY))
        await asyncio.sleep(1.2)  # longer than the kind may take
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        place = await destined(redis, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "slow")
        record = await ended(redis, settings, place, replace(FILE_MAKER, timeout_s=1))
    assert record.state is State.SUCCEEDED, record.error


async def test_files_under_way_share_the_memory() -> None:
    room = _CopyMemory(10)
    async with room.of(6), room.of(4):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), room.of(1):
                pass
    async with room.of(1000):
        pass


async def test_wrong_keys_fail_with_a_code(redis: ArqRedis, settings: Settings, rclone: RcloneServer) -> None:
    secret = seal_secret(SecretBox([KEY]), "alice", "keys", "wrong")
    record = await ended(redis, settings, await destined(redis, rclone.url, "keys", sealed_secret=secret))
    assert (record.state, (record.error or {})["code"]) == (State.FAILED, "destination_refused")
    assert "wrong" not in str(record.error)
    assert record.files == ()


async def test_a_server_that_is_not_public_is_not_reached(
    redis: ArqRedis, settings: Settings, moto: MotoServer
) -> None:
    guarded = settings.model_copy(update={"outbound_networks": ()})
    record = await ended(redis, guarded, await destined(redis, moto.url, "inside"))
    assert (record.state, (record.error or {})["code"]) == (State.FAILED, "destination_refused")
    assert urlsplit(moto.url).netloc not in str(record.error)


async def test_our_own_blobs_are_never_written_to(redis: ArqRedis, settings: Settings, moto: MotoServer) -> None:
    ours = await destined(redis, moto.url, "ours/blobs")
    # As if the storage had been changed after the destination was made.
    changed = settings.model_copy(update={"storage_url": "s3://pressroom/ours", "storage_endpoint": moto.url})
    submission = Submission(kind="file-maker", queue="default", owner="alice", params="{}", destination=ours)
    storage, outbound = open_storage(settings), open_outbound(settings)
    async with working(redis, changed, kinds={"file-maker": FILE_MAKER}, outbound=outbound, storage=storage):
        job_id = (await Enqueuer(redis, changed).enqueue(submission)).job_id

        async def is_over() -> bool:
            record = await read(redis, job_id)
            return record is not None and record.state is State.FAILED

        await eventually(is_over)
    await outbound.close()
    await delete_destination(redis, "alice", ours)
