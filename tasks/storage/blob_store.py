"""The blob store over obstore: a blob is `blobs/ab/abcd…` under the prefix of STORAGE_URL, in any storage."""

import asyncio
import hashlib
import math
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta
from io import BufferedReader
from itertools import starmap
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any, ParamSpec, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, MemoryStore, S3Store

from tasks.blob_ref import BlobRef
from tasks.settings import MiB
from tasks.storage.blob_key import HASH, key
from tasks.storage.calls import StorageCalls
from tasks.storage.content_disposition import attachment, attributes
from tasks.storage.cures import BAD_FOLDER, NO_BUCKET, STATUS
from tasks.storage.folder.leftovers import discard_leftovers
from tasks.storage.folder.private_folder import FOLDER_MODE, PrivateFolder
from tasks.storage.folder.small_writes import SmallWrites
from tasks.storage.folder.whole_write import put_whole
from tasks.storage.incoming_objects import IncomingObjects
from tasks.storage.protocol import BlobMissing, LocalFile, StorageUnavailable, StoredBlob, StoredObject
from tasks.storage.upload_memory import PART_BYTES, PARTS_AT_ONCE, Body, UploadMemory, collect
from tasks.storage.urls.presigned_url import with_parameters
from tasks.storage.write_out import write_out

if TYPE_CHECKING:
    from obstore import Attributes, GetOptions, GetResult
    from obstore.store import ObjectStore

P = ParamSpec("P")
T = TypeVar("T")

CHUNK_BYTES = MiB // 4  # of a download
DEFAULT_MEMORY_BYTES = 64 * MiB
CHECK_TIMEOUT_S = 5.0
START_TIMEOUT_S = 15.0  # longer than obstore's retries, so that the reason is known
MISSING_AGAIN_S = 0.5
"""Seconds after which a missing blob is asked for again: some servers need a moment to show what was just written."""
NO_CONDITIONS = f"{STATUS} 501"
"""What a server says that does not know `If-None-Match`."""


class BlobStore:
    """A `tasks.storage.protocol.Storage` over an obstore store.

    Args:
        store: The obstore store.
        name: Names the storage in logs and errors.
        note: A remark for the start-up log.
        folder: The folder of a local store, which is checked and cleaned differently.
        secret: The secret access key of an S3 store. Without the one that signs its requests it has no URLs.
        public: The S3 store at the address that clients reach, for URLs; by default `store`.

    Attributes:
        memory: What files on their way into the storage take together.
    """

    def __init__(
        self,
        store: "ObjectStore",
        *,
        name: str,
        note: str = "",
        folder: Path | None = None,
        secret: str | None = None,
        public: S3Store | None = None,
    ) -> None:
        self.name = name
        self.description = f"{name} ({note})" if note else name
        self.shared = not isinstance(store, LocalStore | MemoryStore)
        self._store = store
        self._folder = folder
        self._secret = secret
        self._public = public or store
        self.memory = UploadMemory(DEFAULT_MEMORY_BYTES)
        self._calls = StorageCalls(name, is_folder=folder is not None)
        self._small_writes = SmallWrites(self._calls.threads)
        self._private = None if folder is None else PrivateFolder(folder)
        self.incoming = IncomingObjects(store, self._public, self._calls.noted, self._put_incoming, folder, secret)

    @property
    def away_since(self) -> float | None:
        """Since when it has not answered; see `Storage`."""
        return self._calls.away_since

    async def _call_for_blob(self, sha256: str, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Run a blocking call that needs a blob, and once more after a moment if the blob is missing.

        Raises:
            BlobMissing: It is missing from a storage that is otherwise well.
        """
        try:
            return await self._calls.noted(work, *args, **named)
        except FileNotFoundError as error:
            if not self.shared:
                raise BlobMissing(sha256) from error
        await asyncio.sleep(MISSING_AGAIN_S)
        try:
            return await self._calls.noted(work, *args, **named)
        except FileNotFoundError as error:
            # If the whole bucket is missing, its blobs are not gone for good.
            await self._calls.noted(self._look)
            raise BlobMissing(sha256) from error

    async def check(self) -> None:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                await self._calls.noted(self._look)
        except TimeoutError as error:
            away = self._calls.unavailable(f"no answer within {CHECK_TIMEOUT_S:g} s")
            self._calls.mark_away(away)
            raise away from error

    async def refused_at_start(self) -> str | None:
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self._calls.run(self._look)
        except StorageUnavailable as away:
            if away.cure is not None:
                return f"STORAGE_URL: {away}. {away.cure}"
        except TimeoutError:
            pass
        return None

    def _look(self) -> None:
        if self._folder is None:
            try:
                self._store.list_with_delimiter()  # one entry: the folder `blobs`
            except FileNotFoundError as error:
                raise self._calls.unavailable(str(error), cure=NO_BUCKET) from error
        else:
            with suppress(OSError):
                self._folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
            if not os.access(self._folder, os.R_OK | os.W_OK | os.X_OK):
                raise self._calls.unavailable("its folder is not readable and writable", cure=BAD_FOLDER)

    async def put(
        self,
        chunks: AsyncIterable[bytes],
        *,
        max_bytes: int,
        type: str | None = None,
        filename: str | None = None,
    ) -> BlobRef:
        about = attributes(type, filename)
        return await self._receive(chunks, max_bytes, lambda body: self._put_body(body, about))

    async def _receive(self, chunks: AsyncIterable[bytes], max_bytes: float, write: Callable[[Body], T]) -> T:
        # Collected first, then stored in one atomic operation: an interrupted upload leaves no half-written object.
        with Body(self.memory) as body:
            await collect(body, chunks, max_bytes, self._calls.run)
            if body.spool is None and self._folder is not None:
                return await self._calls.note(self._calls.answered(self._small_writes.run(lambda: write(body))))
            if body.spool is None:
                return await self._calls.noted(write, body)
            async with self.memory.storing(body.size):
                return await self._calls.noted(write, body)

    async def _put_incoming(self, name: str, chunks: AsyncIterable[bytes]) -> int:
        return await self._receive(chunks, math.inf, lambda body: self._put_whole(name, body))

    def _put_whole(self, name: str, body: Body) -> int:
        if body.spool is not None:
            body.spill(body.spool)
        self._write_object(name, body.spool or bytes(body.tail), None)
        return body.size

    def _put_body(self, body: Body, about: "Attributes") -> BlobRef:
        if body.spool is None:
            body.digest.update(body.tail)
            return self._write(BlobRef(body.digest.hexdigest(), body.size), bytes(body.tail), about)
        body.spill(body.spool)
        return self._write(BlobRef(body.digest.hexdigest(), body.size), body.spool, about)

    async def put_file(self, path: Path, *, type: str, filename: str) -> BlobRef:
        async with self.memory.storing(path.stat().st_size):  # noqa: ASYNC240 - a local file, and no contents
            return await self._calls.noted(self._put_file, path, attributes(type, filename))

    async def put_files(self, files: Sequence[LocalFile]) -> list[BlobRef]:
        if self._folder is None:
            return await asyncio.gather(*(self.put_file(path, type=kind, filename=name) for path, kind, name in files))
        # Threads that write small files at once wait for the GIL and wake each other more than they write.
        async with self.memory.storing(max((one.path.stat().st_size for one in files), default=0)):
            return await self._calls.noted(lambda: [self._put_file(one.path, attributes(*one[1:])) for one in files])

    def _put_file(self, path: Path, about: "Attributes") -> BlobRef:
        # Read once: a sandbox child that still holds the file open could change it between its hash and its storing,
        # and so replace the blob of another owner.
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if size <= PART_BYTES:
                content = file.read(size)
                blob = BlobRef(hashlib.sha256(content).hexdigest(), len(content))
                if self._folder is None:
                    return self._write(blob, content, about)
                self._put(key(blob.sha256), content)
                return blob
            digest = hashlib.sha256()
            with TemporaryFile() as copy:
                while chunk := file.read(MiB):
                    digest.update(chunk)
                    copy.write(chunk)
                return self._write(BlobRef(digest.hexdigest(), copy.tell()), copy, about)

    def _write(self, blob: BlobRef, content: bytes | IO[bytes], about: "Attributes") -> BlobRef:
        # An existing blob is written again: this renews its modified time, so that a cleanup that runs at this moment
        # keeps it.
        self._write_object(key(blob.sha256), content, None if self._folder else about)  # a folder cannot store them
        return blob

    def _write_object(self, name: str, content: bytes | IO[bytes], about: "Attributes | None") -> None:
        if not isinstance(content, bytes):
            content.seek(0)
        self._put(name, content, attributes=about, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)

    def _put(self, name: str, content: bytes | IO[bytes], **options: Any) -> None:
        try:
            with self._private.writing(name) if self._private else nullcontext():
                if not (isinstance(content, bytes) and not options and self._put_in_folder(name, content)):
                    self._store.put(name, content, **options)
        except FileNotFoundError as error:
            raise self._calls.unavailable(str(error), cure=NO_BUCKET) from error

    def _put_in_folder(self, name: str, content: bytes) -> bool:
        return self._folder is not None and put_whole(self._folder / name, content)

    async def read(self, sha256: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        result = await self._get(sha256, start, end)
        if result is None:
            return
        position = result.range[0]
        stream = iter(result.stream(CHUNK_BYTES))
        while (chunk := await self._calls.noted(next, stream, None)) is not None:
            piece = bytes(chunk)[max(start - position, 0) : None if end is None else max(end - position, 0)]
            position += len(chunk)
            if piece:
                yield piece
            if end is not None and position >= end:
                return

    async def _get(self, sha256: str, start: int, end: int | None) -> "GetResult | None":
        """Get an answer that contains the range, maybe with more around it; None if the range is empty."""
        if end is not None and end <= start:
            await self.size(sha256)  # raises if the blob is missing
            return None
        if start == 0 and end is None:
            return await self._call_for_blob(sha256, self._store.get, key(sha256))
        part: GetOptions = {"range": {"offset": start} if end is None else (start, end)}
        try:
            return await self._calls.run(self._store.get, key(sha256), options=part)
        except (StorageUnavailable, FileNotFoundError):
            # Each storage has its own error for a range that begins past the end; some servers support no ranges.
            if start >= await self.size(sha256):
                return None
            return await self._calls.noted(self._store.get, key(sha256))

    async def fetch(self, sha256: str, path: Path) -> None:
        wrong_path = await self._call_for_blob(sha256, write_out, lambda: self._open(sha256), path)
        if wrong_path is not None:
            raise wrong_path

    def _open(self, sha256: str) -> "GetResult | BufferedReader":
        if self._folder is None:
            return self._store.get(key(sha256))
        try:
            return (self._folder / key(sha256)).open("rb")
        except PermissionError as denied:
            raise self._calls.unavailable(str(denied), cure=BAD_FOLDER) from denied

    async def size(self, sha256: str) -> int:
        return (await self._call_for_blob(sha256, self._store.head, key(sha256)))["size"]

    async def find(self, sha256: str) -> StoredBlob | None:
        return await self._calls.noted(self._find, sha256)

    def _find(self, sha256: str) -> StoredBlob | None:
        with suppress(FileNotFoundError):
            about = self._store.head(key(sha256))
            return StoredBlob(sha256, about["size"], about["last_modified"])
        return None

    async def presign(self, sha256: str, seconds: int, *, type: str, filename: str) -> str | None:
        if self._secret is None or not isinstance(self._public, S3Store):
            return None
        parameters = {"response-content-type": type, "response-content-disposition": attachment(filename)}
        url = await self._calls.run(obstore.sign, self._public, "GET", key(sha256), timedelta(seconds=seconds))
        return with_parameters(url, self._secret, parameters)

    async def put_object(self, name: str, content: bytes) -> None:
        await self._calls.noted(self._put, name, content)

    async def put_objects(self, objects: Sequence[tuple[str, bytes]]) -> None:
        await self._calls.run(lambda: list(starmap(self._put, objects)))

    async def create_object(self, name: str, content: bytes) -> bool:
        return await self._calls.noted(self._create_object, name, content)

    def _create_object(self, name: str, content: bytes) -> bool:
        with suppress(FileNotFoundError):
            self._store.head(name)  # some servers overlook the condition of the write
            return False
        try:
            self._put(name, content, mode="create")
        except AlreadyExistsError:
            return False
        except BaseError as error:
            if NO_CONDITIONS not in str(error):
                raise
            self._put(name, content)
        return True

    async def get_object(self, name: str) -> bytes | None:
        return await self._calls.noted(self._get_object, name)

    def _get_object(self, name: str) -> bytes | None:
        with suppress(FileNotFoundError):
            return bytes(self._store.get(name).bytes())
        return None

    async def object_names(self, folder: str) -> list[str]:
        return await self._calls.noted(lambda: sorted(one["path"] for page in self._store.list(folder) for one in page))

    async def delete_objects(self, names: Iterable[str]) -> None:
        if places := list(names):
            await self._calls.noted(self._delete_all, places)

    async def delete(self, shas: Iterable[str]) -> None:
        await self.delete_objects(map(key, shas))

    def _delete_all(self, places: list[str]) -> None:
        try:
            self._store.delete(places)
        except FileNotFoundError:
            # In some storages a missing blob is an error that hides what became of the others.
            for place in places:
                with suppress(FileNotFoundError):
                    self._store.delete(place)

    async def blobs(self) -> AsyncIterator[StoredBlob]:
        async for found in self.objects("blobs"):
            sha256 = found.name.rpartition("/")[2]
            if HASH.fullmatch(sha256):
                yield StoredBlob(sha256, found.bytes, found.modified)

    async def objects(self, folder: str) -> AsyncIterator[StoredObject]:
        pages = iter(self._store.list(folder, chunk_size=1000))
        while page := await self._calls.noted(next, pages, None):
            for found in page:
                yield StoredObject(found["path"], found["size"], found["last_modified"])

    async def discard_leftovers(self, before: datetime, *, dry_run: bool = False) -> int:
        if self._folder is None:
            return 0
        return await self._calls.run(discard_leftovers, self._folder, before, dry_run=dry_run)
