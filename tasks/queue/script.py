"""The transitions: Lua scripts that Redis runs whole or not at all, one file each in `lua/`, all after the same
parts."""

from functools import cache, cached_property
from pathlib import Path
from typing import Any

import msgpack
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from tasks.queue.redis_keys import PREFIXES

FOLDER = Path(__file__).parent / "lua"
PARTS = ("arguments", "counting", "records", "lanes", "creation", "ending", "bulk")
"""What comes before every transition; each part may use those before it."""


@cache
def source(name: str) -> str:
    """The Lua of one transition: the parts before it, and what it has counted written after it."""
    transition = (FOLDER / f"{name}.lua").read_text()
    return f"{_parts()}local function run()\n{transition}\nend\nlocal answer = run()\nwrite_counts()\nreturn answer\n"


@cache
def _parts() -> str:
    return "".join((FOLDER / "parts" / f"{part}.lua").read_text() for part in PARTS)


class Script:
    """One transition. It takes and gives one msgpack value, which costs less than a long argument list on both
    sides."""

    def __init__(self, redis: "Redis[bytes]", name: str) -> None:
        self._redis = redis
        self._name = name

    @cached_property
    def _script(self) -> AsyncScript:
        # It hashes the whole text: too dear for those who make a store, and then only read.
        return AsyncScript(self._redis, source(self._name))

    async def __call__(self, payload: Any) -> Any:
        """Run it. Raises redis.exceptions.RedisError; nothing is half-done then, but it may have been done."""
        # Redis' msgpack knows one kind of string. What is not text (a stranger's body) comes back with its odd bytes
        # escaped; what is no valid text going in (a file's name, an error's message) is spelled out, not refused.
        packed = msgpack.packb(payload, use_bin_type=False, unicode_errors="backslashreplace")
        answer = await self._script(args=[PREFIXES, packed])
        return msgpack.unpackb(answer, unicode_errors="surrogateescape")
