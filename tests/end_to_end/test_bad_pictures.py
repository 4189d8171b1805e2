"""Bad input of every sort: its own clear error, no file, nothing left behind, and the worker goes on."""

from pathlib import Path

import httpx
import pytest

from tests.end_to_end.test_pictures import ended, submit
from tests.support.pictures import encoded, jpeg_of_scans, png_header, scene, webp_header

JPEG = encoded(scene(400, 300), "jpeg")
PNG = encoded(scene(400, 300), "png")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg">'

REFUSED_BY_THE_JOB = {
    "a truncated jpeg": (JPEG[:-2000], "truncated"),
    "a truncated png": (PNG[: len(PNG) // 2], "truncated"),
    "a png bomb": (png_header(60_000, 60_000), "too_many_pixels"),
    "a side too long": (png_header(12_500, 10), "side_too_long"),
    "too many pixels": (png_header(9_000, 9_000), "too_many_pixels"),
    "a webp of too many pixels": (webp_header(9_000, 9_000), "too_many_pixels"),
    "an svg without end": (SVG + b"<g>" * 500 + b"</g>" * 500 + b"</svg>", "unsupported_format"),
    "a damaged pdf": (b"%PDF-1.7\n" + bytes(200), "corrupt"),
    "a scan bomb": (jpeg_of_scans(300), "too_many_scans"),
}

REFUSED_AT_THE_DOOR = {
    "nothing": (b"", "no_file", 422),
    "text": (b"hello, I am no picture" * 10, "unsupported_format", 422),
    "a video": (b"\0\0\0\x18ftypisom" + bytes(200), "unsupported_format", 422),
    "html": (b"<!doctype html><script>alert(1)</script>", "unsupported_format", 422),
    "more than the limit": (JPEG + bytes(8_000_000), "too_large", 413),
}


@pytest.mark.parametrize(("content", "code"), REFUSED_BY_THE_JOB.values(), ids=REFUSED_BY_THE_JOB)
def test_a_bad_picture_fails_at_once_with_its_own_code(client: httpx.Client, content: bytes, code: str) -> None:
    posted = submit(client, ("picture.jpg", content))
    assert posted.status_code == 202, posted.text
    job = ended(client, posted.json()["id"])

    assert job["state"] == "failed"
    assert job["error"]["code"] == code
    assert len(job["attempts"]) == 1, "a refusal is not tried again"
    assert job["files"] == []
    assert client.get(f"/v1/jobs/{job['id']}/files/small.jpg").status_code == 409


@pytest.mark.parametrize(("content", "code", "status"), REFUSED_AT_THE_DOOR.values(), ids=REFUSED_AT_THE_DOOR)
def test_what_is_no_picture_is_refused_at_the_door_and_leaves_nothing(
    client: httpx.Client, deployment: Path, content: bytes, code: str, status: int
) -> None:
    def blobs() -> set[Path]:
        return {path for path in (deployment / "storage").rglob("*") if path.is_file()}

    before = blobs()
    answer = client.post("/v1/images", content=content, headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == status
    problem = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["code"] == code
    assert problem["detail"]
    assert blobs() == before


def test_the_worker_goes_on_after_all_of_them(client: httpx.Client) -> None:
    posted = submit(client, ("photo.jpg", JPEG))
    assert ended(client, posted.json()["id"])["state"] == "succeeded"
