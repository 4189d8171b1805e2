"""Objects that clients send before they are blobs: `incoming/<upload id>`, or parts as `incoming/<upload id>/<name>`.

Nothing refers to them but the record of their upload. A worker reads them, checks them, and stores what they hold as a
blob under its hash; then, or when the upload expires, they are deleted.
"""

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DirectPlace:
    """Where to send bytes straight into the storage, and how.

    Attributes:
        url: Where to.
        fields: The fields of the form, which come before its file; none for a PUT.
        headers: Headers that the request must have.
    """

    url: str
    fields: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IncomingObject:
    """An object as the storage lists it: of which upload it is, and when it was written."""

    upload: str
    modified: datetime


class Incoming(Protocol):
    """What a storage does for them. Every method may raise `StorageUnavailable`."""

    async def put(self, name: str, chunks: AsyncIterable[bytes]) -> int:
        """Store a stream of bytes, whole or, if `chunks` raises, not at all.

        Args:
            name: `<upload id>/<part>`.
            chunks: The bytes.

        Returns:
            How many they were.
        """
        ...

    def read(self, name: str) -> AsyncIterator[bytes]:
        """Yield the bytes of an object.

        Raises:
            FileNotFoundError: At the first step.
        """
        ...

    async def size(self, name: str) -> int | None:
        """Return the size of an object in bytes, or None if there is none."""
        ...

    async def delete(self, name: str) -> None:
        """Delete an object, or all of an upload; missing ones are ignored.

        Args:
            name: `<upload id>`, or `<upload id>/<part>`.
        """
        ...

    def objects(self) -> AsyncIterator[IncomingObject]:
        """List all objects."""
        ...

    async def direct_place(
        self, upload_id: str, *, method: str, max_bytes: int, seconds: int, type: str | None
    ) -> DirectPlace | None:
        """Sign a request with which anyone can store the object of an upload, and no other one.

        Args:
            upload_id: Of which upload.
            method: `POST`, a form whose policy fixes key, size and time; or `PUT`, which does not limit the size.
            max_bytes: Most bytes of a form.
            seconds: How long it works.
            type: The media type that the form must name; None for none.

        Returns:
            The request, or None for a storage that has no such requests.
        """
        ...
