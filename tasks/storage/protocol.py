"""Where bytes live: blobs under their SHA-256, in a folder, in memory, or in S3, GCS or Azure.

A blob has no name: a job's record maps names to blobs. The same bytes are one blob, whoever sent them.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tasks.blob_ref import BlobRef


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob as the storage lists it. modified: when it was last written, with a time zone."""

    sha256: str
    bytes: int
    modified: datetime


class StorageUnavailable(Exception):  # noqa: N818 - a state of the weather, as in the 503 it becomes
    """The storage does not answer, or refuses us; the message names it and says why."""


class BlobMissing(Exception):  # noqa: N818 - the house calls things by what they are
    """The storage holds no blob of this SHA-256."""


class Storage(Protocol):
    """Every method that touches the storage may raise `StorageUnavailable`."""

    @property
    def description(self) -> str:
        """One line for the start-up log."""
        ...

    @property
    def shared(self) -> bool:
        """Whether processes on other machines see the same blobs."""
        ...

    async def check(self) -> None:
        """Return if the storage answers within a few seconds."""
        ...

    async def put(
        self,
        chunks: AsyncIterable[bytes],
        *,
        max_bytes: int,
        type: str | None = None,
        filename: str | None = None,
    ) -> BlobRef:
        """Store what `chunks` yields, and hash it on the way. It is there whole or not at all, however this ends.

        type, filename: what the storage says of the blob to who downloads it from there (see `presign`). Equal bytes
        are one blob, for which its last writer's words stand: give names that tell nothing about an owner.

        Raises: `Refusal` (`too_large`) as soon as more than `max_bytes` bytes have come; whatever `chunks` raises.
        """
        ...

    async def put_file(self, path: Path, *, type: str, filename: str) -> BlobRef:
        """Store a local file, as `put` does."""
        ...

    def read(self, sha256: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes from `start` up to, not including, `end`; those beyond the last are none.

        Raises: `BlobMissing`, at the first step.
        """
        ...

    async def fetch(self, sha256: str, path: Path) -> None:
        """Write a blob to a local file, which may be left in part when this fails. Raises: `BlobMissing`."""
        ...

    async def size(self, sha256: str) -> int:
        """How many bytes a blob has. Raises: `BlobMissing`."""
        ...

    async def presign(self, sha256: str, seconds: int) -> str | None:
        """A URL that lets anyone download the blob for `seconds`, with its type and filename.

        None where the storage has no such URLs.
        """
        ...

    async def delete(self, shas: Iterable[str]) -> None:
        """Delete blobs, those that are missing included."""
        ...

    def blobs(self) -> AsyncIterator[StoredBlob]:
        """Every blob there is, maybe one of them twice. What is put or deleted meanwhile may show or not."""
        ...

    async def discard_leftovers(self, before: datetime, *, dry_run: bool = False) -> int:
        """Delete what writers that were killed half-way left before a time (with a time zone); with dry_run only look.

        Returns how many files that were.
        """
        ...
