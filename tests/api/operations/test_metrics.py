"""/metrics: for those who have its key, and the same from every web process."""

import httpx
import pytest
from arq.connections import ArqRedis
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from tasks.settings import Settings
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import ALICE, BOB, client_of, serving

METRICS_KEY = "metrics-key-0123456789"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("alice",), "metrics_key": SecretStr(METRICS_KEY)})


def ended(answer: httpx.Response) -> dict[tuple[str, str], float]:
    assert answer.status_code == 200, answer.text
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    samples = families["pressroom_jobs_ended"].samples
    return {(sample.labels["kind"], sample.labels["state"]): sample.value for sample in samples if sample.value}


@pytest.mark.parametrize(
    ("key", "status"),
    [(METRICS_KEY, 200), (ALICE, 200), (BOB, 403), ("nobody's-key-0123", 401), ("ünknown", 401), (None, 401)],
)
async def test_they_want_a_key(port: int, key: str | None, status: int) -> None:
    async with client_of(port, None) as client:
        headers = [(b"authorization", f"Bearer {key}".encode())] if key else []
        assert (await client.get("/metrics", headers=headers)).status_code == status


async def test_in_the_open_mode_they_want_none(settings: Settings, redis: ArqRedis) -> None:
    async with serving(settings.model_copy(update={"api_keys": ()})) as port, client_of(port, None) as anyone:
        answer = await anyone.get("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert ended(answer) == {}


async def test_the_metrics_key_opens_nothing_else(port: int) -> None:
    async with client_of(port, METRICS_KEY) as client:
        assert (await client.get("/v1/jobs")).status_code == 401


async def test_every_web_process_tells_the_same(
    alice: httpx.AsyncClient, settings: Settings, redis: ArqRedis, worker: ManualWorker
) -> None:
    async with serving(settings) as port, client_of(port) as second:
        for client, verb in ((alice, "succeeded"), (second, "failed"), (second, "succeeded")):
            job_id = (await client.post("/v1/images", content=PNG)).json()["id"]
            error = None if verb == "succeeded" else ("corrupt", "odd")
            await worker.end(job_id, verb, error=error)  # type: ignore[arg-type]
        for client in (alice, second):
            told = ended(await client.get("/metrics"))
            assert told == {("thumbnail", "succeeded"): 2, ("thumbnail", "failed"): 1}


async def test_openmetrics_is_given_where_it_is_accepted(alice: httpx.AsyncClient) -> None:
    """As Prometheus asks; an odd version does no harm."""
    prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3"
    for accept in (prometheus, "application/openmetrics-text; version=odd"):
        answer = await alice.get("/metrics", headers={"Accept": accept})
        assert answer.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        assert answer.text.endswith("# EOF\n")
    for accept in ("text/plain;version=odd", "*/*"):
        answer = await alice.get("/metrics", headers={"Accept": accept})
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
