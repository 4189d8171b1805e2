"""Which fields of EXIF a submit asks for, and how they are stored and shown."""

from typing import Any

import httpx
import pytest

from tasks.kind import OutputFile, Result
from tasks.picture_result.record import FIELD, PictureSummary
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG

PLAIN = ["taken_at", "camera", "lens", "exposure", "orientation"]
PICTURE = {
    "format": "jpeg",
    "type": "image/jpeg",
    "width": 300,
    "height": 200,
    "frames": 1,
    "mode": "RGB",
    "has_alpha": False,
    "orientation": 6,
    "bytes": 1234,
    "sha256": "cd" * 32,
    "exif": {
        "taken_at": "2026-11-20T09:30:00",
        "exposure": {"time": "1/250"},
        "gps": {"latitude": 53.1, "longitude": 8.8},
    },
}
SUMMARY = PictureSummary(bytes(21), "LEHV6nWB2yk8pyo0adR*.7kCMdnj", ("#675760", "#977978"), 0xFEDC)
FILE = OutputFile("small.jpg", "ab" * 32, "image/jpeg", 1234, {"width": 256, "height": 171})


async def uploaded(alice: httpx.AsyncClient) -> str:
    posted = await alice.post("/v1/uploads", content=PNG)
    return str(posted.json()["id"])


@pytest.mark.parametrize(
    ("asked", "stored"),
    [("true", PLAIN), ("gps, camera", ["camera", "gps"]), ("false", None), (None, None)],
)
async def test_the_query_and_the_form_ask(alice: httpx.AsyncClient, asked: str | None, stored: Any) -> None:
    query = {} if asked is None else {"exif": asked}
    by_query = await alice.post("/v1/images", content=PNG, params=query)
    by_form = await alice.post("/v1/images", files={"file": PNG}, data=query)
    for answer in (by_query, by_form):
        assert answer.status_code == 202
        assert answer.json()["params"].get("exif") == stored


@pytest.mark.parametrize(("asked", "stored"), [(True, PLAIN), (["gps"], ["gps"]), (False, None), ([], None)])
async def test_json_asks(alice: httpx.AsyncClient, asked: Any, stored: Any) -> None:
    answer = await alice.post("/v1/images", json={"upload": await uploaded(alice), "exif": asked})
    assert answer.json()["params"].get("exif") == stored


async def test_the_body_overrides_the_query(alice: httpx.AsyncClient) -> None:
    query = {"exif": "true"}
    by_form = await alice.post("/v1/images", files={"file": PNG}, data={"exif": "false"}, params=query)
    by_json = await alice.post("/v1/images", json={"upload": await uploaded(alice), "exif": False}, params=query)
    for answer in (by_form, by_json):
        assert "exif" not in answer.json()["params"]


async def test_other_names_are_refused_with_those_that_there_are(alice: httpx.AsyncClient) -> None:
    by_query = await alice.post("/v1/images?exif=place", content=PNG)
    by_json = await alice.post("/v1/images", json={"upload": await uploaded(alice), "exif": ["place"]})
    for answer in (by_query, by_json):
        assert (answer.status_code, answer.json()["field"]) == (422, "exif")
        assert "'place'" in answer.json()["detail"]
        assert "taken_at, camera, lens, exposure, orientation, gps" in answer.json()["detail"]
    neither = await alice.post("/v1/images", json={"upload": await uploaded(alice), "exif": 7})
    assert (neither.status_code, neither.json()["field"]) == (422, "exif")


async def test_a_job_shows_its_summary_and_its_markup(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    posted = (await alice.post("/v1/images", content=PNG)).json()
    await worker.end(posted["id"], result=Result({"picture": PICTURE | {FIELD: SUMMARY.packed()}}, (FILE,)))
    shown = (await alice.get(f"/v1/jobs/{posted['id']}")).json()["result"]
    assert shown["picture"] == PICTURE | SUMMARY.fields()
    [markup] = shown["markup"]
    assert markup["variants"] == ["small"]
    assert markup["srcset"] == f"{posted['links']['self']}/files/small.jpg 256w"
    [listed] = (await alice.get("/v1/jobs")).json()["jobs"]
    assert listed["result"] == {"picture": shown["picture"]}


async def test_the_event_of_its_end_carries_them(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    await alice.post("/v1/endpoints", json={"url": "http://127.0.0.1:9000/", "events": ["job.*"]})
    for padding, carried in ((0, True), (5000, False)):
        posted = (await alice.post("/v1/images", content=PNG)).json()
        result = {"picture": PICTURE | {FIELD: SUMMARY.packed()}, "more": "x" * padding}
        await worker.end(posted["id"], result=Result(result, (FILE,)))
        [event, *_] = (await alice.get("/v1/jobs?kind=event")).json()["jobs"]
        assert event["params"]["data"]["id"] == posted["id"]
        assert ("result" in event["params"]["data"]) == carried
