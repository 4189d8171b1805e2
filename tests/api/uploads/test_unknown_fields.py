"""A form with fields that nobody knows is read no further than it takes to say so."""

from collections.abc import AsyncIterator, Iterator
from itertools import count, repeat

import pytest

from api.http.checks import Checks
from api.http.multipart import Multipart
from api.uploads.receive import FormUploads
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.validation import MAX_FAULTS

TYPE = "multipart/form-data; boundary=b"


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
    form = Multipart(body.stream(most), TYPE)
    uploads = FormUploads(form, open_storage(settings), settings, {"variants": str}, Checks())
    with pytest.raises(Refusal) as refused:
        await uploads.receive()
    return refused.value


@pytest.fixture
def settings() -> Settings:
    return Settings(_env_file=None, storage_url="memory://")


async def test_fields_without_end(settings: Settings) -> None:
    fields = (b'Content-Disposition: form-data; name="x%d"\r\n\r\n\r\n--b\r\n' % n for n in count())
    refusal = await refusal_of(Body(fields), settings, most=MAX_FAULTS + 2)
    assert (refusal.code, refusal.field) == ("invalid_request", "x0")
    assert [fault.field for fault in refusal.faults] == [f"x{n}" for n in range(MAX_FAULTS)]


async def test_a_field_without_end(settings: Settings) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'Content-Disposition: form-data; name="x"\r\n\r\n'
        yield from repeat(b"x" * 65_536)

    refusal = await refusal_of(Body(chunks()), settings, most=settings.max_params_bytes // 65_536 + 4)
    assert (refusal.code, refusal.field) == ("invalid_request", "x")
