"""A picture's whole way, through real processes: upload, wait by job id, download."""

import hashlib
import io
import json
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.support.pictures import encoded, gif_of_frames, scene
from tests.support.thumbnail.animations import GifPart, gif_of, played
from tests.support.thumbnail.drawing import close


def submit(client: httpx.Client, *files: tuple[str, bytes], **form: str) -> httpx.Response:
    return client.post("/v1/images", files=[("file", file) for file in files], data=form)


def ended(client: httpx.Client, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}", params={"wait": 20}).raise_for_status().json()
    assert job["state"] in ("succeeded", "failed"), job
    return job


def test_a_photo_becomes_its_thumbnails(client: httpx.Client) -> None:
    posted = submit(client, ("photo.jpg", encoded(scene(1600, 1200), "jpeg")))
    assert posted.status_code == 202
    assert posted.headers["Retry-After"] == "1"
    job = client.get(posted.headers["Location"], params={"wait": 20}).json()

    assert job["state"] == "succeeded"
    assert job["result"]["picture"]["format"] == "jpeg"
    sizes = {file["name"]: (file["about"]["width"], file["about"]["height"]) for file in job["files"]}
    assert sizes == {
        "small.jpg": (256, 192),
        "medium.jpg": (512, 384),
        "large.jpg": (1024, 768),
        "square.jpg": (256, 256),
    }
    for file in job["files"]:
        answer = client.get(file["url"])
        assert hashlib.sha256(answer.content).hexdigest() == file["sha256"]
        assert len(answer.content) == file["bytes"]
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert picture.size == sizes[file["name"]]


def test_a_watermark_and_densities_go_the_whole_way(client: httpx.Client) -> None:
    mark = client.post("/v1/uploads", content=encoded(Image.new("RGB", (8, 8), "red"), "png")).raise_for_status().json()
    card = {"name": "card", "width": 32, "height": 32, "fit": "cover", "dpr": [1, 2], "formats": ["png", "jpeg"]}
    variants = json.dumps([card | {"watermark": {"upload": mark["id"], "scale": 0.5}, "max_bytes": 100_000}])
    refused = submit(client, ("photo.jpg", encoded(scene(160, 120), "jpeg")), variants=variants)
    assert refused.json()["field"] == "variants.0.max_bytes"
    variants = variants.replace('"png", ', '"webp", ')
    posted = submit(client, ("photo.jpg", encoded(scene(160, 120), "jpeg")), variants=variants).raise_for_status()
    client.delete(f"/v1/uploads/{mark['id']}").raise_for_status()
    job = ended(client, posted.json()["id"])
    assert [file["name"] for file in job["files"]] == ["card.webp", "card.jpg", "card@2x.webp", "card@2x.jpg"]
    assert all(file["about"]["max_bytes_met"] and file["about"]["quality"] in (79, 80) for file in job["files"])
    for file in job["files"]:
        with Image.open(io.BytesIO(client.get(file["url"]).raise_for_status().content)) as picture:
            corner = picture.convert("RGB").getpixel((picture.width - 5, picture.height - 5))
        assert close(corner, (255, 0, 0), 40)


def test_animations_and_rare_formats_go_the_whole_way(client: httpx.Client) -> None:
    gif = gif_of((16, 8), GifPart(0, (0, 0, 16, 8)), GifPart(1, (8, 0, 16, 8)), repeats=4)
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 1"><text y="1">ab</text></svg>'
    page = encoded(scene(64, 32), "PDF")
    variants = json.dumps([{"name": "one", "width": 16, "animated": True}])
    posted = submit(
        client, *((name, data) for name, data in (("a", gif), ("b", drawing), ("c", page))), variants=variants
    )
    jobs = [ended(client, one["id"]) for one in posted.raise_for_status().json()["jobs"]]
    assert [job["result"]["picture"]["format"] for job in jobs] == ["gif", "svg", "pdf"]
    abouts = [job["files"][0]["about"] for job in jobs]
    assert abouts[0] == {"width": 16, "height": 8, "frames": 2, "duration_ms": 100, "loops": 5}
    assert abouts[1:] == [{"width": 16, "height": 8}] * 2
    moving = played(client.get(jobs[0]["files"][0]["url"]).raise_for_status().content)
    assert (moving.format, moving.durations_ms, moving.loops) == ("WEBP", [50, 50], 5)

    many = submit(client, ("many.gif", gif_of_frames(21)), variants=variants).json()
    failed = ended(client, many["id"])
    assert failed["error"]["code"] == "too_many_frames"
    assert ended(client, submit(client, ("many.gif", gif_of_frames(21))).json()["id"])["state"] == "succeeded"


def test_the_wait_is_ended_by_the_finish_not_by_a_poll(client: httpx.Client) -> None:
    submit(client, ("warm.jpg", encoded(scene(64, 64), "jpeg")))
    began = time.monotonic()
    for _ in range(10):
        posted = submit(client, ("small.png", encoded(scene(200, 100), "png"))).json()
        assert ended(client, posted["id"])["state"] == "succeeded"
    # Ten times a poll of half a second, on either side, would be five seconds.
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "avif", "gif", "tiff", "bmp"])
def test_every_format_is_read_whatever_the_name_says(client: httpx.Client, name: str) -> None:
    posted = submit(client, ("picture.txt", encoded(scene(300, 200), name)), variants="avatar").json()
    job = ended(client, posted["id"])
    assert job["state"] == "succeeded", job
    assert job["result"]["picture"]["format"] == name
    assert next(file["about"] for file in job["files"]) == {"width": 64, "height": 64}


def test_one_bad_file_does_not_hurt_its_neighbours(client: httpx.Client) -> None:
    good = encoded(scene(400, 300), "jpeg")
    posted = submit(
        client, ("a.jpg", good), ("b.jpg", good[: len(good) // 2]), ("c.png", encoded(scene(90, 90), "png"))
    )
    assert posted.status_code == 202
    first, broken, third = (ended(client, job["id"]) for job in posted.json()["jobs"])
    assert first["state"] == third["state"] == "succeeded"
    assert broken["state"] == "failed"
    assert broken["error"]["code"] == "truncated"
    assert broken["files"] == []


def test_the_same_key_and_content_is_the_same_job(client: httpx.Client) -> None:
    picture = encoded(scene(123, 77), "jpeg")
    key = {"Idempotency-Key": "order-4711"}
    first = client.post("/v1/images", content=picture, headers=key)
    again = client.post("/v1/images", content=picture, headers=key)
    other = client.post("/v1/images", content=encoded(scene(77, 123), "jpeg"), headers=key)
    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 422)
    assert first.json()["id"] == again.json()["id"]
    assert other.json()["code"] == "key_reused"


def test_many_clients_at_once_all_get_their_own(client: httpx.Client) -> None:
    found: list[bool] = []

    def one(side: int) -> None:
        posted = submit(client, (f"{side}.png", encoded(scene(side, side), "png")), variants="avatar").json()
        job = ended(client, posted["id"])
        found.append(job["state"] == "succeeded" and job["result"]["picture"]["width"] == side)

    threads = [threading.Thread(target=one, args=(100 + n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 24


def test_nothing_is_left_in_the_workers_scratch_folder(client: httpx.Client, worker: int) -> None:
    posted = submit(client, ("photo.jpg", encoded(scene(300, 200), "jpeg"))).json()
    ended(client, posted["id"])
    folders = Path(tempfile.gettempdir()).glob(f"pressroom-scratch-{worker}-*/*")
    assert [folder for folder in folders if (folder / "source").exists()] == []
