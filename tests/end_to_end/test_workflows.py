"""A workflow's whole way, through real processes: pictures, a sheet of their thumbnails, and a webhook."""

from typing import Any

import httpx
import pypdfium2

from tests.end_to_end.test_pictures import ended
from tests.end_to_end.test_reports import downloads, uploaded
from tests.support.pictures import encoded, scene


def thumbs(name: str, upload: str) -> dict[str, Any]:
    variants = [{"name": "small", "width": 64, "height": 48, "format": "jpeg"}]
    return {"name": name, "kind": "thumbnail", "params": {"upload": upload, "variants": variants}}


def picture_of(step: str) -> dict[str, Any]:
    return {"type": "image", "source": {"job": {"$step": step}, "file": "small.jpg"}}


def test_thumbnails_a_sheet_of_them_and_an_event(client: httpx.Client) -> None:
    first, second = (uploaded(client, encoded(scene(*size), "JPEG")) for size in ((640, 480), (480, 640)))
    sheet = {"document": {"title": "Album 7"}, "blocks": [picture_of("first"), picture_of("second")]}
    answer = client.post(
        "/v1/workflows",
        json={
            "name": "album 7",
            "steps": [
                {
                    "name": "done",
                    "kind": "event",
                    "needs": ["sheet"],
                    "params": {"type": "album.done", "data": {"n": 7}},
                },
                {"name": "sheet", "kind": "report", "needs": ["first", "second"], "params": sheet},
                thumbs("first", first),
                thumbs("second", second),
                {
                    "name": "alarm",
                    "kind": "event",
                    "needs": ["sheet"],
                    "run_if": "failure",
                    "params": {"type": "album.failed", "data": None},
                },
            ],
        },
    )
    assert answer.status_code == 202, answer.text
    assert ended(client, answer.json()["id"])["state"] == "succeeded"
    workflow = client.get(answer.json()["links"]["self"]).json()
    states = {one["name"]: one["state"] for one in workflow["steps"]}
    made = dict.fromkeys(("first", "second", "sheet", "done"), "succeeded")
    assert states == {**made, "alarm": "cancelled"}
    jobs = {one["name"]: one["job"] for one in workflow["steps"]}
    pdf = pypdfium2.PdfDocument(downloads(client, ended(client, jobs["sheet"]))["report.pdf"])
    images = [one for one in pdf[0].get_objects() if one.type == pypdfium2.raw.FPDF_PAGEOBJ_IMAGE]
    assert [image.get_px_size() for image in images] == [(64, 48), (36, 48)]


def test_a_failed_picture_fails_the_sheet_and_the_alarm_is_sent(client: httpx.Client) -> None:
    broken = uploaded(client, encoded(scene(64, 48), "PNG")[:300])
    sheet = {"document": {"title": "Album 8"}, "blocks": [picture_of("first")]}
    answer = client.post(
        "/v1/workflows",
        json={
            "steps": [
                thumbs("first", broken),
                {"name": "sheet", "kind": "report", "needs": ["first"], "params": sheet},
                {
                    "name": "alarm",
                    "kind": "event",
                    "needs": ["first", "sheet"],
                    "run_if": "failure",
                    "params": {"type": "album.failed", "data": {"album": {"$step": "first"}}},
                },
            ]
        },
    )
    assert answer.status_code == 202, answer.text
    assert ended(client, answer.json()["id"])["state"] == "failed"
    workflow = client.get(answer.json()["links"]["self"]).json()
    assert [one["state"] for one in workflow["steps"]] == ["failed", "failed", "succeeded"]
    first, sheet_step, alarm = workflow["steps"]
    assert sheet_step["error"]["code"] == "prerequisite_failed"
    assert ended(client, alarm["job"])["params"]["data"] == {"album": first["job"]}
