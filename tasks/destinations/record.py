"""Destinations: buckets of others, into which the outputs of an owner's jobs are copied. An admin makes them."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self
from urllib.parse import urlsplit

from redis.asyncio import Redis

from tasks.queue.redis_keys import DESTINATIONS
from tasks.queue.script import Script
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.webhook.secret_box import SecretBox

NAME: Final = r"^[a-z0-9_-]{1,40}$"
AMAZON: Final = "amazonaws.com"
HIDDEN: Final = ("access_key_id", "sealed_secret")


@dataclass(frozen=True, slots=True)
class DestinationRecord:
    """A destination of an owner.

    Attributes:
        name: What submits call it.
        bucket: The bucket.
        prefix: What all paths in it begin with, without a slash at either end; may be empty.
        endpoint: URL of an S3-compatible server; None for Amazon's.
        region: The region of the bucket.
        path: The path of an output (`tasks.destinations.path`).
        overwrite: Whether an object that is there already is replaced.
        access_key_id: Of the credentials.
        sealed_secret: Their secret, encrypted.
        changed_at: When it was last changed, in milliseconds since 1970.
    """

    name: str
    bucket: str
    prefix: str
    endpoint: str | None
    region: str
    path: str
    overwrite: bool
    access_key_id: str
    sealed_secret: str
    changed_at: int = 0

    @property
    def url(self) -> str:
        """The bucket and the prefix as a URL."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def base_url(self) -> str:
        """What the URLs of its objects begin with."""
        host = self.endpoint or f"https://s3.{self.region}.amazonaws.com"
        return f"{host.rstrip('/')}/{self.bucket}"

    @classmethod
    def read(cls, name: bytes, text: bytes) -> Self:
        """Read a field of the owner's hash."""
        return cls(**{**json.loads(text), "name": name.decode()})


def seal_secret(box: SecretBox, owner: str, name: str, secret: str) -> str:
    """Encrypt the secret of a destination."""
    return box.seal(secret, f"destination:{owner}:{name}")


def open_secret(box: SecretBox, owner: str, destination: DestinationRecord) -> str:
    """Decrypt the secret of a destination. Raises: Refusal `secret_unreadable`."""
    return box.open(destination.sealed_secret, f"destination:{owner}:{destination.name}")


def check_not_ours(settings: Settings, bucket: str, prefix: str, endpoint: str | None) -> None:
    """Refuse a destination that meets the blobs of this service: on the same server, in the same bucket and prefix.

    Args:
        settings: Those of the process.
        bucket: The destination's bucket.
        prefix: Its prefix.
        endpoint: URL of its server; None for Amazon's.

    Raises:
        Refusal: `invalid_request`.
    """
    add_on = settings.add_on_bucket
    scheme, _, ours = (add_on.url if add_on else settings.storage_url).partition("://")
    our_servers = {_server_of(None if add_on else settings.storage_endpoint)}
    if settings.storage_public_endpoint and not add_on:
        our_servers.add(_server_of(settings.storage_public_endpoint))
    theirs, server = f"{bucket}/{prefix}", _server_of(endpoint)
    our_bucket = ours.partition("/")[0]
    host = _host_of(endpoint) or ""
    if host.startswith(f"{our_bucket}."):  # a host that names the bucket: what follows is all prefix
        theirs = f"{our_bucket}/{theirs}"
        our_servers |= {f"{our_bucket}.{one}" for one in our_servers}
    ours, theirs = (f"{one.strip('/')}/" for one in (ours, theirs))
    if scheme == "s3" and server in our_servers and (ours.startswith(theirs) or theirs.startswith(ours)):
        message = "url: This bucket and prefix meet the files of this service. Use another bucket, or another prefix."
        raise Refusal("invalid_request", message, field="url")


def _server_of(endpoint: str | None) -> str:
    """The host, whatever the port; all of Amazon's are one."""
    host = _host_of(endpoint)
    return AMAZON if host is None or host.removesuffix(".cn").endswith(f".{AMAZON}") else host


def _host_of(endpoint: str | None) -> str | None:
    return (urlsplit(endpoint).hostname or "").rstrip(".") if endpoint else None


async def put_destination(
    redis: "Redis[bytes]", owner: str, destination: DestinationRecord, *, most: int
) -> tuple[DestinationRecord, bool]:
    """Write a destination.

    Args:
        redis: Connection.
        owner: Whose it is.
        destination: The destination.
        most: Destinations that an owner may have.

    Returns:
        The destination, and whether it is new.

    Raises:
        Refusal: `too_many_destinations`, `redis_full`.
    """
    fields = {name: value for name, value in asdict(destination).items() if name not in ("name", "changed_at")}
    audited = {name: value for name, value in fields.items() if name not in HIDDEN and value is not None}
    payload = {"owner": owner, "name": destination.name, "fields": json.dumps(fields), "audited": audited, "most": most}
    answer = await Script(redis, "submit/destination")(payload)
    if answer["answer"] == "full":
        message = f"The owner has {most} destinations, which is the limit. Delete one that is no longer needed."
        raise Refusal("too_many_destinations", message, limit=most)
    return replace(destination, changed_at=answer["changed_at"]), answer["answer"] == "created"


async def find_destination(redis: "Redis[bytes]", owner: str, name: str) -> DestinationRecord | None:
    """Find a destination of an owner. Returns None if there is none of this name."""
    found = await redis.hget(DESTINATIONS + owner, name)
    return DestinationRecord.read(name.encode(), found) if found else None


async def list_destinations(redis: "Redis[bytes]", owner: str) -> list[DestinationRecord]:
    """All destinations of an owner, by name."""
    found = await redis.hgetall(DESTINATIONS + owner)
    return [DestinationRecord.read(name, text) for name, text in sorted(found.items())]


async def delete_destination(redis: "Redis[bytes]", owner: str, name: str) -> bool:
    """Delete a destination. Returns whether there was one. What was copied there stays."""
    payload: dict[str, Any] = {"owner": owner, "name": name}
    return bool((await Script(redis, "submit/destination")(payload))["answer"] == "deleted")
