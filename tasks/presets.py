"""Presets of owners: sets of variants that have a name. Each change has a version of its own."""

from dataclasses import dataclass
from typing import Final, Self

from redis.asyncio import Redis

from tasks.queue.redis_keys import PRESETS
from tasks.queue.script import Script
from tasks.refusal import Refusal

NAME: Final = r"^[a-z0-9_-]{1,40}$"
COUNTER: Final = b"#"
"""The field of the hash that counts versions; no preset has this name."""


@dataclass(frozen=True, slots=True)
class PresetRecord:
    """A preset of an owner.

    Attributes:
        name: Its name.
        version: Which of the owner's changes of presets made it; a later one has a higher number.
        changed_at: When that was, in milliseconds since 1970.
        variants: JSON, a list of variants.
    """

    name: str
    version: int
    changed_at: int
    variants: str

    @classmethod
    def read(cls, name: bytes, text: bytes) -> Self:
        """Read a field of the owner's hash."""
        version, changed_at, variants = text.decode().split(" ", 2)
        return cls(name.decode(), int(version), int(changed_at), variants)


async def put_preset(
    redis: "Redis[bytes]", owner: str, name: str, variants: str, *, most: int
) -> tuple[PresetRecord, bool]:
    """Write a preset. With the variants that it has already, it stays as it is.

    Args:
        redis: Connection.
        owner: Whose it is.
        name: Its name.
        variants: JSON, a list of variants.
        most: Presets that an owner may have.

    Returns:
        The preset, and whether it is new.

    Raises:
        Refusal: `too_many_presets`, `redis_full`.
    """
    answer = await Script(redis, "submit/preset")({"owner": owner, "name": name, "variants": variants, "most": most})
    if answer["answer"] == "full":
        message = f"You have {most} presets, which is the limit. Delete one that you no longer need."
        raise Refusal("too_many_presets", message, limit=most)
    record = PresetRecord(name, answer["version"], answer["changed_at"], variants)
    return record, answer["answer"] == "created"


async def find_preset(redis: "Redis[bytes]", owner: str, name: str) -> PresetRecord | None:
    """Find a preset of an owner. Returns None if there is none of this name."""
    found = await redis.hget(PRESETS + owner, name)
    return PresetRecord.read(name.encode(), found) if found else None


async def list_presets(redis: "Redis[bytes]", owner: str) -> list[PresetRecord]:
    """All presets of an owner, by name."""
    found = await redis.hgetall(PRESETS + owner)
    return [PresetRecord.read(name, text) for name, text in sorted(found.items()) if name != COUNTER]


async def delete_preset(redis: "Redis[bytes]", owner: str, name: str) -> bool:
    """Delete a preset. Returns whether there was one. Jobs that were made with it keep their variants."""
    answer = await Script(redis, "submit/preset")({"owner": owner, "name": name})
    return bool(answer["answer"] == "deleted")
