"""Uploads whose bytes are not all there yet: they come in parts (tus), or go straight into the storage.

Redis decides what has arrived: `pressroom:incoming:<id>` has the offset, and the name of the part that begins at each
offset. The parts are objects of the storage, so that any web process can go on with an upload. When it is complete, a
job of the kind `upload` (`tasks/uploads/kind.py`) makes an ordinary upload of the same id of it.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from redis.asyncio import Redis

from tasks import clock
from tasks.queue.jobs.enqueue_with_blobs import token_over
from tasks.queue.records.record import new_id
from tasks.queue.redis_keys import INCOMING, SECOND_MS
from tasks.queue.script import Script
from tasks.refusal import Refusal

Way = Literal["tus", "POST", "PUT"]
"""How the bytes come: in parts, or in one request to the storage."""
PART = "part:"


@dataclass(frozen=True, slots=True)
class IncomingUpload:
    """An upload that is not complete, or not checked yet. Times are milliseconds since 1970.

    Attributes:
        id: 32 hexadecimal digits.
        owner: Who sends it.
        way: How its bytes come.
        length: Bytes that it has in all; of one that goes straight into the storage: that it may have at most.
        created_at: When it began.
        expires_at: Until when its bytes must be there.
        offset: Bytes that have arrived in parts.
        parts: The names of the parts, in order.
        stored: Whether it is an ordinary upload by now.
        name: The sender's name for it.
        picture: Whether it must be a picture.
        tags: By which its sender finds it.
        metadata: What its sender notes on it, as JSON.
        about: The header Upload-Metadata, which is returned as it came.
        token: The upload token that it came with.
        types: Media types that it may have; none is any.
    """

    id: str
    owner: str
    way: Way
    length: int
    created_at: int
    expires_at: int
    offset: int = 0
    parts: tuple[str, ...] = ()
    stored: bool = False
    name: str | None = None
    picture: bool = False
    tags: tuple[str, ...] = ()
    metadata: str | None = None
    about: str | None = None
    token: str | None = None
    types: tuple[str, ...] = ()

    @classmethod
    def from_hash(cls, upload_id: str, fields: Mapping[bytes, bytes]) -> Self:
        """Build it from a non-empty Redis hash."""
        text = {name.decode(): value.decode() for name, value in fields.items()}
        offsets = sorted(int(name.removeprefix(PART)) for name in text if name.startswith(PART))
        way: Any = text["way"]
        return cls(
            id=upload_id,
            owner=text["owner"],
            way=way,
            length=int(text["length"]),
            created_at=int(text["created_at"]),
            expires_at=int(text["expires_at"]),
            offset=int(text["offset"]),
            parts=tuple(text[f"{PART}{offset}"] for offset in offsets),
            stored="stored" in text,
            name=text.get("name"),
            picture="picture" in text,
            tags=tuple(json.loads(text.get("tags", "[]"))),
            metadata=text.get("metadata"),
            about=text.get("about"),
            token=text.get("token"),
            types=tuple(json.loads(text.get("types", "[]"))),
        )

    @property
    def complete(self) -> bool:
        """Whether all parts have arrived."""
        return self.way == "tus" and self.offset == self.length


@dataclass(frozen=True, slots=True)
class NewIncoming:
    """What a sender says of an upload that begins; see `IncomingUpload`."""

    way: Way
    length: int
    name: str | None = None
    picture: bool = False
    tags: Sequence[str] = ()
    metadata: str | None = None
    about: str | None = None
    token: str | None = None
    types: Sequence[str] = ()

    def fields(self) -> dict[str, str | int]:
        """Those of the hash."""
        fields: dict[str, str | int | None] = {
            "way": self.way,
            "length": self.length,
            "name": self.name,
            "picture": 1 if self.picture else None,
            "tags": json.dumps(self.tags) if self.tags else None,
            "metadata": self.metadata,
            "about": self.about,
            "token": self.token,
            "types": json.dumps(self.types) if self.types else None,
        }
        return {name: value for name, value in fields.items() if value is not None}


@dataclass(slots=True)
class Receipt:
    """One request that adds bytes to an upload.

    Attributes:
        upload: The upload.
        offset: Where its next byte belongs.
        writer: By which Redis knows the request.
    """

    upload: IncomingUpload
    offset: int
    writer: str = field(default_factory=lambda: secrets.token_hex(8))

    def part_name(self, offset: int) -> str:
        """A name for the part that begins at this offset, which no other request has."""
        return f"{offset}-{self.writer}"


class IncomingStore:
    """The records of incoming uploads.

    Args:
        redis: Connection.
    """

    def __init__(self, redis: "Redis[bytes]") -> None:
        self._redis = redis
        self._begin = Script(redis, "submit/incoming")
        self._receive = Script(redis, "verbs/receive")

    async def create(self, owner: str, new: NewIncoming, *, seconds: int, most: int) -> IncomingUpload:
        """Begin an upload.

        Args:
            owner: Who sends it.
            new: What it is.
            seconds: How long its bytes may take to come.
            most: How many of the owner may be unfinished at once.

        Raises:
            Refusal: `too_many_uploads`, `redis_full`; `unauthorized`, `token_used`: the token allows no more.
        """
        upload_id, now = new_id(), clock.now_ms()
        fields = new.fields() | {
            "owner": owner,
            "created_at": now,
            "expires_at": now + seconds * SECOND_MS,
            "offset": 0,
            "parts": 0,
        }
        payload: dict[str, Any] = {
            "id": upload_id,
            "owner": owner,
            "fields": [value for pair in fields.items() for value in pair],
            "expires_at": fields["expires_at"],
            "most": most,
        }
        if new.token:
            payload |= {"upload_token": new.token, "length": new.length}
            if new.about is not None:
                payload["about"] = new.about
        answer = await self._begin(payload)
        if answer["answer"] in ("token_gone", "token_used"):
            raise token_over(answer)
        if answer["answer"] == "too_many":
            raise Refusal(
                "too_many_uploads",
                f"{most} uploads of yours are not complete. Complete or delete one, or wait until one expires.",
                limit=most,
            )
        return IncomingUpload.from_hash(
            upload_id, {name.encode(): str(value).encode() for name, value in fields.items()}
        )

    async def find(self, owner: str, upload_id: str) -> IncomingUpload | None:
        """Find an owner's upload. Returns None if it does not exist, has expired, or belongs to another owner."""
        fields = await self._redis.hgetall(INCOMING + upload_id)
        found = IncomingUpload.from_hash(upload_id, fields) if fields else None
        return found if found and found.owner == owner else None

    async def begin(self, receipt: Receipt, *, most_parts: int) -> None:
        """Let a request add bytes. One that did before adds no more.

        Raises:
            Refusal: `offset_conflict`, `too_many_parts`, `not_found`.
        """
        answer = await self._call(
            "begin", receipt.upload, offset=receipt.offset, writer=receipt.writer, most=most_parts
        )
        if answer["answer"] == "conflict":
            raise offset_conflict(receipt.offset, answer["offset"])
        if answer["answer"] == "too_many":
            raise Refusal(
                "too_many_parts",
                f"The upload came in {most_parts} parts, which is the limit. Delete it, and send it in larger parts.",
                limit=most_parts,
            )

    async def commit(self, receipt: Receipt, parts: Sequence[tuple[int, str]], size: int) -> None:
        """Note parts that are stored: they have arrived from now on.

        Args:
            receipt: The request. Its offset moves on.
            parts: Offset and name of each.
            size: Bytes of all.

        Raises:
            Refusal: `offset_conflict`: another request has begun meanwhile; `not_found`.
        """
        request = {"offset": receipt.offset, "writer": receipt.writer}
        named = [value for part in parts for value in part]
        answer = await self._call("commit", receipt.upload, **request, parts=named, bytes=size)
        if answer["answer"] == "conflict":
            raise offset_conflict(receipt.offset, answer["offset"])
        receipt.offset += size

    async def complete(self, upload: IncomingUpload) -> None:
        """Keep an upload whose bytes are all there, until the job that checks it has run."""
        await self._call("complete", upload)

    async def store(self, upload: IncomingUpload) -> None:
        """Note that it is an ordinary upload."""
        await self._call("store", upload)

    async def drop(self, upload: IncomingUpload) -> None:
        """Forget an upload. The reconciliation removes what is left in the storage."""
        await self._call("drop", upload)

    async def _call(self, verb: str, upload: IncomingUpload, **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = await self._receive({"verb": verb, "id": upload.id, "owner": upload.owner, **more})
        if answer["answer"] == "unknown":
            raise unknown_upload(upload.id)
        return answer


def offset_conflict(given: int, offset: int) -> Refusal:
    """The refusal of bytes that do not follow those that have arrived."""
    return Refusal(
        "offset_conflict",
        f"Upload-Offset: {given} was sent, and the next byte is {offset}, or another request has begun to send it. "
        "Ask for the offset with HEAD, and go on there.",
        field="Upload-Offset",
    )


def unknown_upload(upload_id: str) -> Refusal:
    """The refusal of an id that is unknown, expired or another owner's."""
    return Refusal("not_found", f"Upload {upload_id!r} was not found or has expired. Upload it again.")


def unfinished(upload: IncomingUpload) -> Refusal:
    """The refusal of an upload that is no ordinary one yet."""
    if upload.way == "tus":
        state = f"{upload.offset} of its {upload.length} bytes have arrived"
    else:
        state = "its bytes are not in the storage, or POST …/completion was not called"
    return Refusal("upload_unfinished", f"Upload {upload.id!r} is not complete, or not checked yet: {state}.")


async def missing_upload(redis: "Redis[bytes]", owner: str, upload_id: str) -> Refusal:
    """The refusal of an id under which there is no ordinary upload.

    Args:
        redis: Connection.
        owner: Who names it.
        upload_id: The id.
    """
    upload = await IncomingStore(redis).find(owner, upload_id)
    return unknown_upload(upload_id) if upload is None or upload.stored else unfinished(upload)
