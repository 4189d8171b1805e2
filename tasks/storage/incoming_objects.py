"""The objects that clients send before they are blobs, over obstore; see `tasks.storage.incoming`."""

import shutil
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tasks.settings import MiB
from tasks.storage.incoming import DirectPlace, IncomingObject
from tasks.storage.urls.direct_urls import direct_place

if TYPE_CHECKING:
    from obstore.store import ObjectStore

T = TypeVar("T")

FOLDER = "incoming"
CHUNK_BYTES = MiB


class BlockingCall(Protocol):
    """Runs a blocking call of the storage in a thread."""

    def __call__(self, work: Callable[[], T], /) -> Coroutine[Any, Any, T]: ...


class IncomingObjects:
    """`tasks.storage.incoming.Incoming`.

    Args:
        store: The obstore store.
        public: The same at the address that clients reach.
        call: Runs a blocking call, and notes whether the storage answers.
        put: Stores a stream under an object's key, and returns its bytes.
        folder: The folder of a local store.
        secret: The secret access key of an S3 store.
    """

    def __init__(
        self,
        store: "ObjectStore",
        public: "ObjectStore",
        call: BlockingCall,
        put: Callable[[str, AsyncIterable[bytes]], Coroutine[Any, Any, int]],
        folder: Path | None,
        secret: str | None,
    ) -> None:
        self._store = store
        self._public = public
        self._call = call
        self._put = put
        self._folder = folder and folder / FOLDER
        self._secret = secret

    async def put(self, name: str, chunks: AsyncIterable[bytes]) -> int:
        return await self._put(f"{FOLDER}/{name}", chunks)

    async def read(self, name: str) -> AsyncIterator[bytes]:
        stream = iter((await self._call(lambda: self._store.get(f"{FOLDER}/{name}"))).stream(CHUNK_BYTES))
        while (chunk := await self._call(lambda: next(stream, None))) is not None:
            yield bytes(chunk)

    async def size(self, name: str) -> int | None:
        with suppress(FileNotFoundError):
            return (await self._call(lambda: self._store.head(f"{FOLDER}/{name}")))["size"]
        return None

    async def delete(self, name: str) -> None:
        await self._call(lambda: self._delete(name))

    def _delete(self, name: str) -> None:
        if self._folder is not None:  # no empty folder stays
            shutil.rmtree(self._folder / name, ignore_errors=True)
            (self._folder / name).unlink(missing_ok=True)
            return
        found = [one["path"] for page in self._store.list(f"{FOLDER}/{name}") for one in page]
        for place in [f"{FOLDER}/{name}", *found]:
            with suppress(FileNotFoundError):
                self._store.delete(place)

    async def objects(self) -> AsyncIterator[IncomingObject]:
        pages = iter(self._store.list(FOLDER, chunk_size=1000))
        while page := await self._call(lambda: next(pages, None)):
            for found in page:
                yield IncomingObject(found["path"].split("/")[1], found["last_modified"])

    async def direct_place(
        self, upload_id: str, *, method: str, max_bytes: int, seconds: int, type: str | None
    ) -> DirectPlace | None:
        key = f"{FOLDER}/{upload_id}"
        return await self._call(
            lambda: direct_place(
                self._public, self._secret, key, method=method, max_bytes=max_bytes, seconds=seconds, type=type
            )
        )
