"""The storage interface: blobs under their SHA-256, in a folder, in memory, or in S3, GCS or Azure.

A blob has no name: a job's record maps file names to blobs. Equal bytes are one blob, whoever sent them.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from tasks.blob_ref import BlobRef
from tasks.storage.incoming import Incoming


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob as the storage lists it.

    Args:
        sha256: SHA-256 of its bytes, in lower-case hex.
        bytes: Its size.
        modified: When it was last written, with a time zone.
    """

    sha256: str
    bytes: int
    modified: datetime


class StoredObject(NamedTuple):
    """A small object of the installation itself, as the storage lists it. modified: with a time zone."""

    name: str
    bytes: int
    modified: datetime


class LocalFile(NamedTuple):
    """A file of this machine that is to be stored, with the media type and the file name that are kept with it."""

    path: Path
    type: str
    filename: str


class StorageUnavailable(Exception):  # noqa: N818 - the API answers 503 "unavailable"
    """The storage does not answer, or refuses access; the message names it and says why.

    Attributes:
        cure: What an operator has to correct, as a sentence without names of hosts and buckets; None if waiting helps.
    """

    def __init__(self, message: str, *, cure: str | None = None) -> None:
        super().__init__(message)
        self.cure = cure


class BlobMissing(Exception):  # noqa: N818 - it names the state, as StorageUnavailable
    """The storage holds no blob of this SHA-256."""


class Storage(Protocol):
    """Stores blobs. Every method that contacts the storage may raise `StorageUnavailable`."""

    @property
    def description(self) -> str:
        """One line for the start-up log."""
        ...

    @property
    def shared(self) -> bool:
        """Whether processes on other machines see the same blobs."""
        ...

    @property
    def away_since(self) -> float | None:
        """Since when (`time.time()`) the storage has failed; None if its last answer to this process was good."""
        ...

    @property
    def incoming(self) -> Incoming:
        """What clients send before it is a blob."""
        ...

    async def check(self) -> None:
        """Return if the storage answers within a few seconds, else raise `StorageUnavailable`."""
        ...

    async def refused_at_start(self) -> str | None:
        """Look whether the storage takes this process, once, at its start.

        Returns:
            What an operator has to correct, in one line; None if it does, or if it does not answer, which may pass.
        """
        ...

    async def put(
        self,
        chunks: AsyncIterable[bytes],
        *,
        max_bytes: int,
        type: str | None = None,
        filename: str | None = None,
    ) -> BlobRef:
        """Store and hash a stream of bytes. The blob is stored whole or, on any failure, not at all.

        Equal bytes are one blob, which keeps the type and file name of its last writer; no download has them (see
        `presign`). They are for processes of an earlier version: choose names that reveal nothing about an owner.

        Args:
            chunks: The bytes.
            max_bytes: Most bytes to accept.
            type: The media type that is kept with the blob.
            filename: The file name that is kept with it.

        Raises:
            Refusal: `too_large`, as soon as more than `max_bytes` bytes have arrived.
            Exception: Whatever `chunks` raises.
        """
        ...

    async def put_file(self, path: Path, *, type: str, filename: str) -> BlobRef:
        """Store a local file, as `put` stores a stream."""
        ...

    async def put_files(self, files: Sequence[LocalFile]) -> list[BlobRef]:
        """Store several local files, as `put_file` does. On any failure some of them may be stored."""
        ...

    def read(self, sha256: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes of a range.

        Args:
            sha256: The blob.
            start: The first byte.
            end: The byte after the last, or None for the blob's end. A range past the end is cut.

        Raises:
            BlobMissing: At the first step.
        """
        ...

    async def fetch(self, sha256: str, path: Path) -> None:
        """Write a blob to a local file. A failure may leave part of the file.

        Raises:
            BlobMissing: There is no such blob.
        """
        ...

    async def size(self, sha256: str) -> int:
        """Return the size of a blob in bytes.

        Raises:
            BlobMissing: There is no such blob.
        """
        ...

    async def find(self, sha256: str) -> StoredBlob | None:
        """Return what the storage says of a blob, or None if there is no such blob."""
        ...

    async def presign(self, sha256: str, seconds: int, *, type: str, filename: str) -> str | None:
        """Return a URL with which anyone can download a blob.

        Args:
            sha256: The blob.
            seconds: How long the URL works.
            type: The media type of the download.
            filename: Its file name, always as an attachment, so that no browser renders it.

        Returns:
            The URL, or None for a storage that has no such URLs.
        """
        ...

    async def delete(self, shas: Iterable[str]) -> None:
        """Delete blobs; missing ones are ignored."""
        ...

    def blobs(self) -> AsyncIterator[StoredBlob]:
        """List all blobs, some of them maybe twice. Blobs that are written or deleted meanwhile may be listed or
        not."""
        ...

    async def put_object(self, name: str, content: bytes) -> None:
        """Write a small object of the installation itself, beside the blobs. No HTTP route serves it, and no sweep
        of blobs deletes it.

        Args:
            name: Its path under the storage's prefix, such as `snapshots/2026-11-27.gz`; not under `blobs/`.
            content: All its bytes. An object of this name is replaced.
        """
        ...

    async def put_objects(self, objects: Sequence[tuple[str, bytes]]) -> None:
        """Write several such objects, each a name and its content, one after the other in one call. On any failure
        some of them may be written. For files that nothing depends on: `away_since` stays as it is."""
        ...

    async def create_object(self, name: str, content: bytes) -> bool:
        """Write such an object unless there is one of this name already.

        Args:
            name: As of `put_object`.
            content: All its bytes.

        Returns:
            Whether it was written. Of two that create the same object at the same moment one is told so, but for
            servers that do not know `If-None-Match`.
        """
        ...

    async def get_object(self, name: str) -> bytes | None:
        """Return the bytes of such an object, or None if there is none of this name."""
        ...

    async def object_names(self, folder: str) -> list[str]:
        """List the names of the objects in a folder, in order."""
        ...

    def objects(self, folder: str) -> AsyncIterator[StoredObject]:
        """List the objects in a folder page by page, however many there are, in no order."""
        ...

    async def delete_objects(self, names: Iterable[str]) -> None:
        """Delete such objects; missing ones are ignored."""
        ...

    async def discard_leftovers(self, before: datetime, *, dry_run: bool = False) -> int:
        """Delete incomplete files that killed writers have left.

        Args:
            before: Files last written before this time, which has a time zone.
            dry_run: Only count them.

        Returns:
            How many files there are.
        """
        ...
