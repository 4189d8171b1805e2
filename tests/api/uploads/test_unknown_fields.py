"""Fields of a form that are unknown: passed over and named in the answer, unless a known one is likely meant."""

from collections.abc import AsyncIterator, Iterator
from itertools import count, repeat
from typing import Any

import httpx
import pytest

from api.http.checks import Checks
from api.http.multipart import Multipart
from api.uploads.receive import FormUploads
from api.uploads.unknown_fields import MAX_UNKNOWN_FIELDS
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tests.support.api.pictures import PNG

TYPE = "multipart/form-data; boundary=b"


def form(*files: str, **fields: str) -> dict[str, Any]:
    return {"files": [("file", (name, PNG)) for name in files], "data": fields}


async def test_it_is_named_in_the_answer(alice: httpx.AsyncClient) -> None:
    answer = await alice.post("/v1/images", **form("a.png", csrf="x" * 5000, variants="avatar", comment="hello"))
    job = answer.json()
    assert answer.status_code == 202
    assert job["params"]["variants"][0]["name"] == "avatar-64"
    for name, warning in zip(("csrf", "comment"), job["warnings"], strict=True):
        assert warning.startswith(f"The form field '{name}' is unknown and was ignored. A form has files and the text ")
    assert "warnings" not in (await alice.get(f"/v1/jobs/{job['id']}")).json()
    batch = (await alice.post("/v1/images", **form("a.png", "b.png", comment="hello"))).json()
    assert len(batch["warnings"]) == 1
    assert "warnings" not in (await alice.post("/v1/images", **form("a.png"))).json()


@pytest.mark.parametrize("name", ["variant", "Variants", "varaints", "variants[]", "notfy", "tag", "meta-data"])
async def test_one_that_is_likely_misspelt_is_refused(alice: httpx.AsyncClient, name: str) -> None:
    problem = (await alice.post("/v1/images", **form("a.png", **{name: "avatar"}))).json()
    assert (problem["status"], problem["code"], problem["field"]) == (422, "invalid_request", name)
    assert f"The form field '{name}' is unknown. Did you mean '" in problem["detail"]


async def test_one_that_belongs_elsewhere_is_refused(alice: httpx.AsyncClient) -> None:
    problem = (await alice.post("/v1/images", **form("a.png", delay="60"))).json()
    assert problem["detail"].startswith("The form field 'delay' is a parameter of the query. Send it there.")
    problem = (await alice.post("/v1/images", **form("a.png", file="photo.jpg"))).json()
    assert problem["detail"] == "The form field 'file' is a text. Send a file (curl -F file=@photo.jpg)."


async def test_one_that_is_sent_twice_is_refused(alice: httpx.AsyncClient) -> None:
    twice: Any = [("variants", (None, "avatar")), ("variants", (None, "default")), ("file", ("a.png", PNG))]
    problem = (await alice.post("/v1/images", files=twice)).json()
    assert problem["detail"] == "The form field 'variants' is sent twice. Send it once."


class Body:
    """A body without end, of which the chunks that were read are counted."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.read = 0
        self._chunks = chunks

    async def stream(self, most: int) -> AsyncIterator[bytes]:
        yield b"--b\r\n"
        for chunk in self._chunks:
            self.read += 1
            assert self.read <= most, "it is read on"
            yield chunk


async def refusal_of(body: Body, settings: Settings, most: int) -> Refusal:
    uploads = FormUploads(
        Multipart(body.stream(most), TYPE), open_storage(settings), settings, {"variants": str}, Checks()
    )
    with pytest.raises(Refusal) as refused:
        await uploads.receive()
    return refused.value


@pytest.fixture
def memory() -> Settings:
    return Settings(_env_file=None, storage_url="memory://")


async def test_fields_without_end(memory: Settings) -> None:
    fields = (b'Content-Disposition: form-data; name="x%d"\r\n\r\n\r\n--b\r\n' % n for n in count())
    refusal = await refusal_of(Body(fields), memory, most=MAX_UNKNOWN_FIELDS + 2)
    assert (refusal.code, refusal.field) == ("invalid_request", f"x{MAX_UNKNOWN_FIELDS}")
    assert refusal.message.startswith("The form has more than 20 unknown fields. Leave them out.")


async def test_a_field_without_end(memory: Settings) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'Content-Disposition: form-data; name="x"\r\n\r\n'
        yield from repeat(b"x" * 65_536)

    refusal = await refusal_of(Body(chunks()), memory, most=memory.max_params_bytes // 65_536 + 4)
    assert (refusal.code, refusal.limit) == ("params_too_large", memory.max_params_bytes)
