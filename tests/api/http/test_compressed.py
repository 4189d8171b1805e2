"""A compressed body is refused: it is never taken for what it is not."""

import gzip
from pathlib import Path

import httpx
import pytest

from tests.support.api.pictures import PNG

JSON = {"Content-Type": "application/json"}
BODIES = [
    ("/v1/images", PNG, {"Content-Type": "image/png"}),
    ("/v1/images", b"--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}),
    ("/v1/images", b"{}", JSON),
    ("/v1/uploads", PNG, {}),
    ("/v1/reports", b"{}", JSON),
    ("/v1/reports", b"a,b\n1,2\n", {"Content-Type": "text/csv"}),
    ("/v1/reports/validation", b"{}", JSON),
    ("/v1/jobs", b"{}", JSON),
    ("/v1/jobs/deletion", b"{}", JSON),
    ("/v1/events", b"{}", JSON),
    ("/v1/endpoints", b"{}", JSON),
    ("/v1/schedules", b"{}", JSON),
    ("/v1/batches", b"{}", JSON),
]


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "zstd", "deflate, gzip"])
@pytest.mark.parametrize(("path", "body", "headers"), BODIES)
async def test_it_is_refused_and_nothing_is_stored(
    alice: httpx.AsyncClient, tmp_path: Path, path: str, body: bytes, headers: dict[str, str], encoding: str
) -> None:
    answer = await alice.post(path, content=gzip.compress(body), headers={**headers, "Content-Encoding": encoding})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type"), answer.text
    assert f"The body is compressed (Content-Encoding: {encoding!r}). Send it uncompressed" in answer.json()["detail"]
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == []


async def test_one_that_says_it_is_not_is_read(alice: httpx.AsyncClient) -> None:
    answer = await alice.post("/v1/images", content=PNG, headers={"Content-Encoding": "identity"})
    assert answer.status_code == 202
