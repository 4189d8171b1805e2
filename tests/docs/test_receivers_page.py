"""What `docs/receivers.md` says of numbers, codes and bodies is what the code does."""

import itertools
import json
import re
import time
from types import SimpleNamespace
from typing import Any, cast, get_args

import pytest
from arq.connections import ArqRedis

from tasks.kind import JobContext, RetrySchedule
from tasks.maintenance.alerts import AlertParams, check
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.redis_keys import JOB, QUEUES, arq_queue
from tasks.settings import DAY_S, HOUR_S, Settings
from tasks.storage.open import open_storage
from tasks.webhook.endpoint_record import Reason
from tasks.webhook.endpoints import Endpoints
from tasks.webhook.events import OURS, TEST, EventParams, body_of
from tasks.webhook.kind import DELIVERY
from tasks.webhook.secret_box import SecretBox
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import submit
from tools.documents import ROOT

PAGE = (ROOT / "docs" / "receivers.md").read_text(encoding="utf-8")
TEXT = " ".join(PAGE.split())
EXAMPLES: dict[str, dict[str, Any]] = {
    example["type"]: example
    for example in map(json.loads, re.findall(r"<!-- event -->\n```json\n(.*?)```", PAGE, flags=re.DOTALL))
}
UNITS = ((HOUR_S, "h"), (60, "min"), (1, "s"))
ADDRESS = "https://pressroom.example"


def spelled(seconds: int) -> str:
    """As the page writes a length of time: `2 h 35 min 5 s`."""
    parts = []
    for size, unit in UNITS:
        count, seconds = divmod(seconds, size)
        parts += [f"{count} {unit}"] if count else []
    return " ".join(parts) or "0 s"


def test_the_table_of_tries_is_the_schedule_of_deliveries() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \|$", PAGE, flags=re.MULTILINE)
    assert isinstance(DELIVERY.retry, RetrySchedule)
    waits = [0, *(int(delay) for delay in DELIVERY.retry.delays_s)]
    assert rows == [
        (str(number), spelled(wait) if wait else "none", spelled(after))
        for number, (wait, after) in enumerate(zip(waits, itertools.accumulate(waits), strict=True), 1)
    ]
    assert len(rows) == DELIVERY.retry.max_tries


def test_what_the_page_says_of_chance_and_of_the_last_try_holds() -> None:
    assert f"A random part of up to {DELIVERY.retry.jitter:.0%}".replace("%", " %") in TEXT
    longest_s = sum(DELIVERY.retry.delay_s(number, lambda: 1.0) for number in range(1, DELIVERY.retry.max_tries))
    said = re.search(r"the last try comes within (\d+) hours", TEXT)
    assert said
    assert int(said[1]) == -(-longest_s // HOUR_S)
    assert "for at least four days" in TEXT
    assert longest_s < 4 * DAY_S


def test_the_times_that_the_page_names_are_the_defaults() -> None:
    settings = Settings.model_construct()
    for said, value, meant in (
        ("may take 15 seconds (`DELIVERY_TIMEOUT_S`", settings.delivery_timeout_s, 15),
        ("For a day (`SECRET_OVERLAP_S`)", settings.secret_overlap_s, DAY_S),
        ("gets a pause** of half a minute", settings.breaker_pause_s, 30),
        ("then longer ones, up to ten minutes", settings.breaker_max_pause_s, 600),
        ("**Five days of failures only**", settings.disable_after_s, 5 * DAY_S),
        ("Deliveries are kept for a week after their end", settings.keep_deliveries_s, 7 * DAY_S),
        ("their end, those that succeeded for a day", settings.keep_succeeded_deliveries_s, DAY_S),
    ):
        assert said in TEXT
        assert value == meant, said


def test_every_reason_for_disabling_is_explained() -> None:
    section = PAGE.partition("### `endpoint.disabled`")[2].partition("###")[0]
    for reason in get_args(Reason):
        assert f"`{reason}` (" in section


def test_every_event_of_our_own_has_a_heading_and_an_example() -> None:
    headings = re.findall(r"^### `(.+)`$", PAGE, flags=re.MULTILINE)
    assert headings == [*EXAMPLES, TEST]
    assert {name.split(".")[0] for name in headings} <= set(OURS)


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
async def test_the_example_of_a_jobs_end_is_what_its_end_sends(redis: ArqRedis, endpoints: Endpoints, end: str) -> None:
    example = EXAMPLES[f"job.{end}"]
    told = example["data"]
    listener = await subscribe(endpoints)
    settings, worker = Settings(_env_file=None), FakeWorker(redis, Settings(_env_file=None))
    job_id = await submit(Enqueuer(redis, settings), kind=told["kind"], name=told.get("name"), address=ADDRESS)
    if end == "cancelled":
        assert await JobStore(redis, settings).cancel(job_id) == "cancelled"
    elif end == "failed":
        await worker.finish(await worker.one(), "failed", value=["", ""], fields=("error", json.dumps(told["error"])))
    else:
        files = [{**one, "blob": one["sha256"]} for one in told["files"]]
        await worker.finish(await worker.one(), fields=("files", json.dumps(files)))
    assert await announced(redis, worker, instead={job_id: told["id"]}) == timeless(example)
    await endpoints.delete("dev", listener)


async def test_the_example_of_a_disabled_endpoint_is_what_is_sent(redis: ArqRedis, endpoints: Endpoints) -> None:
    example = EXAMPLES["endpoint.disabled"]
    failing, listener = await subscribe(endpoints), await subscribe(endpoints)
    await endpoints.disable(failing, example["data"]["reason"])
    worker = FakeWorker(redis, Settings(_env_file=None))
    assert await announced(redis, worker, instead={failing: example["data"]["endpoint"]}) == timeless(example)
    for endpoint in (failing, listener):
        await endpoints.delete("dev", endpoint)


async def test_the_examples_of_an_alert_are_what_is_sent(
    redis: ArqRedis, endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    fired, resolved = (EXAMPLES[f"alert.{name}"] for name in ("fired", "resolved"))
    monkeypatch.setattr("tasks.maintenance.alerts.new_id", lambda: fired["data"]["id"])
    listener = await subscribe(endpoints)
    settings, worker = Settings(_env_file=None), FakeWorker(redis, Settings(_env_file=None))
    storage = open_storage(Settings(_env_file=None, storage_url="memory://"))
    context = cast("JobContext[AlertParams]", SimpleNamespace(redis=redis, settings=settings, storage=storage))
    job_id = await submit(Enqueuer(redis, settings), queue="media")
    for queue in QUEUES:
        await redis.set(f"{arq_queue(queue)}:health-check", "a worker of ARQ's own", px=60_000)
    await LaneControls(redis).pause("media")
    await redis.hset(JOB + job_id, "due_at", int((time.time() - 400) * 1000))
    await check(context)
    assert await announced(redis, worker, instead={}) == timeless(fired)
    await JobStore(redis, settings).cancel(job_id)
    await check(context)
    events = [await announced(redis, worker, instead={}) for _ in range(2)]
    assert timeless(resolved) in events, "beside the end of the job"
    await endpoints.delete("dev", listener)


@pytest.fixture
def endpoints(redis: ArqRedis) -> Endpoints:
    return Endpoints(redis, Settings(_env_file=None), SecretBox.of(None))


async def subscribe(endpoints: Endpoints) -> str:
    """The id of an endpoint that wants everything."""
    url = EXAMPLES["endpoint.disabled"]["data"]["url"]
    endpoint, _ = await endpoints.create("dev", {"url": url, "events": ["*"]})
    return endpoint.id


async def announced(redis: ArqRedis, worker: FakeWorker, *, instead: dict[str, str]) -> Any:
    """The body of the one event that waits, as receivers get it, without its times. instead: id → that of the page."""
    event = await worker.one()
    fields = await redis.hgetall(JOB + event.id)
    params = EventParams.model_validate_json(fields[b"params"])
    body = body_of(params, event.created_at, fields.get(b"address", b"").decode()).decode()
    await worker.finish(event)
    for ours, theirs in instead.items():
        body = body.replace(ours, theirs)
    return timeless(json.loads(body))


def timeless(value: Any) -> Any:
    """The same with one word for every time."""
    return json.loads(re.sub(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"', '"time"', json.dumps(value)))
