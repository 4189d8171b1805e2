"""The transitions: Lua scripts that Redis runs whole or not at all, one file each in `lua/`.

The first lines of a script name the parts (`lua/parts/`) whose functions it uses: `-- needs: records lanes`. Parts name
theirs in the same way. A script is sent to Redis with the functions of these that it uses, and no others: Redis makes
all functions of a script in every call, which costs time. Those of the parts that a second line names
(`-- seldom: ending`) are made when the script calls `load_seldom()`, which it does before it uses one.

**When Redis is full** (`tasks.queue.memory`) scripts that add are refused: those in `lua/submit/` and ALSO_ADDS. They
are told in `payload.full`, and decide which of their verbs add. All other scripts that write go on, beyond `maxmemory`
too: Redis refuses a command that needs memory only as the first write of a script, so they begin with a DEL, which it
never refuses. This holds for every version from 6.2 on; a test with each of them checks it.
"""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgpack
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, ResponseError

from tasks.queue.account_keys import ACCOUNT_CONSTANTS
from tasks.queue.actor import ACTING
from tasks.queue.application_keys import APPLICATION_CONSTANTS, ZSETS_BY_NAME
from tasks.queue.feed_keys import FEED_CONSTANTS
from tasks.queue.jobs.uniqueness import UNIQUE_CONSTANTS
from tasks.queue.memory import is_out_of_memory, memory_of, redis_full
from tasks.queue.portal_keys import PORTAL_CONSTANTS
from tasks.queue.queues.queue_keys import QUEUE_CONSTANTS
from tasks.queue.redis_keys import SCRIPT_CONSTANTS

FOLDER: Final = Path(__file__).parent / "lua"
NEEDS: Final = re.compile(r"(?:-- needs: .+\n)+")
SELDOM: Final = re.compile(r"^-- seldom: (.+)\n", re.MULTILINE)
FUNCTION: Final = re.compile(r"^local function (\w+)", re.MULTILINE)
WHOLE_FUNCTION: Final = re.compile(r"^local function (\w+)\((?:[^\n]* end\n|.*?^end\n)", re.MULTILINE | re.DOTALL)
NAME: Final = re.compile(r"\b[A-Za-z_]\w*")
NO_CODE: Final = re.compile(r"--.*|'(?:[^'\\]|\\.)*'")
"""A comment, or a string."""
CONSTANT: Final = re.compile(r"\bK\.(\w+)")
CONSTANTS: Final = (
    SCRIPT_CONSTANTS
    | ACCOUNT_CONSTANTS
    | FEED_CONSTANTS
    | PORTAL_CONSTANTS
    | APPLICATION_CONSTANTS
    | QUEUE_CONSTANTS
    | UNIQUE_CONSTANTS
)
"""What scripts know as `K.<name>`."""
ALSO_ADDS: Final = frozenset({"verbs/reopen"})
"""A job that runs again needs about as much memory as a new one."""

PACKER: Final = msgpack.Packer(use_bin_type=False, unicode_errors="backslashreplace")
"""Kept, for one that is new allocates a large buffer. Redis' msgpack knows one kind of string; what is no valid text (a
file's name, an error's message) is spelled out, not refused. What comes back and is not text (a foreign job's body) has
its odd bytes escaped."""


class Script:
    """One transition. It takes and gives one msgpack value, which costs less than a long argument list on both
    sides."""

    def __init__(self, redis: "Redis[bytes]", name: str) -> None:
        self._redis = redis
        self._name = name
        self._memory = memory_of(redis)

    async def _evaluate(self, packed: bytes) -> bytes:
        # `redis.commands.core.AsyncScript` does the same, and takes longer to find out that there is no pipeline.
        execute: Callable[..., Awaitable[bytes]] = self._redis.execute_command
        try:
            return await execute("EVALSHA", digest(self._name), 0, packed)
        except NoScriptError:  # the first call, or another server
            await execute("SCRIPT LOAD", source(self._name))
            return await execute("EVALSHA", digest(self._name), 0, packed)

    async def __call__(self, payload: Any) -> Any:
        """Run it.

        Raises:
            Refusal: `redis_full`, from a script that adds; nothing was written.
            redis.exceptions.RedisError: Redis does not answer; nothing is half-done then, but it may have been done.
        """
        is_adding = adds(self._name)
        if (actor := ACTING.get()) is not None:
            payload = {**payload, "actor": actor}
        if is_adding:
            payload = {**payload, "full": self._memory.full}
        packed = PACKER.pack(payload)
        try:
            packed_answer = await self._evaluate(packed)
        except ResponseError as error:
            if not is_adding or not is_out_of_memory(error):
                raise
            self._memory.note_refused()
            raise redis_full() from error
        answer = msgpack.unpackb(packed_answer, unicode_errors="surrogateescape")
        if is_adding:
            if isinstance(answer, dict) and answer.get("answer") == "redis_full":
                raise redis_full()
            self._memory.note_added()
        return answer


def adds(name: str) -> bool:
    """Whether a script adds something that uses memory for long, and is refused when Redis is full."""
    return name.startswith("submit/") or name in ALSO_ADDS


@cache
def source(name: str) -> str:
    """The Lua text of one script: the constants it uses, the parts it needs, and the script itself.

    Args:
        name: The script's file in `lua/` without its suffix, such as `run/claim`.
    """
    script = read(name)
    parts = parts_of(script)
    begin = "" if adds(name) or name.startswith("read/") else "write_when_full()\n"
    if "counters" in parts:
        # What the script has counted is written once, after it.
        script = f"local function run()\n{script}end\nlocal answer = run()\nwrite_counts()\nreturn answer\n"
    rest = _seldom(read(name), parts) + begin + script
    text = _used("".join(read(f"parts/{part}") for part in parts), rest) + rest
    return _constants(text) + text


@cache
def digest(name: str) -> str:
    """What Redis knows the text of a script by."""
    return hashlib.sha1(source(name).encode(), usedforsecurity=False).hexdigest()


@cache
def read(name: str) -> str:
    """The text of one file in `lua/`."""
    return (FOLDER / f"{name}.lua").read_text(encoding="utf-8")


def parts_of(text: str) -> list[str]:
    """All parts that a script or part needs, each after those that it needs itself."""
    found = {"arguments": None}
    _collect(needs_of(text), found)
    return list(found)


def needs_of(text: str) -> list[str]:
    """The parts that the first line of a script or part names, and those after it that begin so too."""
    needs = NEEDS.match(text)
    return needs[0].replace("-- needs: ", "").split() if needs else []


def _collect(needs: Iterable[str], found: dict[str, None]) -> None:
    for part in needs:
        if part not in found:
            _collect(needs_of(read(f"parts/{part}")), found)
            found[part] = None


def seldom_of(text: str) -> list[str]:
    """The parts that a script uses only after `load_seldom()`."""
    seldom = SELDOM.search(text)
    return seldom[1].split() if seldom else []


def _seldom(script: str, loaded: Iterable[str]) -> str:
    """`load_seldom`, which makes the functions of those parts, and of what they need and is not `loaded`, once."""
    found = dict.fromkeys(loaded)
    _collect(seldom_of(script), found)
    text = "".join(read(f"parts/{part}") for part in found if part not in loaded)
    if not text:
        return ""
    used = [name for name in FUNCTION.findall(text) if re.search(rf"\b{name}\b", script)]
    text = FUNCTION.sub(lambda made: f"function {made[1]}" if made[1] in used else made[0], text)
    once = "  if is_loaded then return end\n  is_loaded = true\n"
    return f"local is_loaded, {', '.join(used)}\nlocal function load_seldom()\n{once}{text}end\n"


def _used(parts: str, rest: str) -> str:
    """The text of parts without the functions whose names are neither in the rest nor in functions that are used."""
    functions = {made[1]: made[0] for made in WHOLE_FUNCTION.finditer(parts)}
    left = _names(WHOLE_FUNCTION.sub("", parts) + rest)
    used: set[str] = set()
    while found := (left & functions.keys()) - used:
        used |= found
        left = {name for function in found for name in _names(functions[function])}
    return WHOLE_FUNCTION.sub(lambda made: made[0] if made[1] in used else "", parts)


def _names(text: str) -> set[str]:
    return set(NAME.findall(NO_CODE.sub("", text)))


def _constants(text: str) -> str:
    """The table K, with the keys and times that the text uses, and no others."""
    names = sorted(set(CONSTANT.findall(text)))
    table = f"local K = {{ {', '.join(f'{name} = {_literal(CONSTANTS[name])}' for name in names)} }}\n"
    return table + ZSETS_BY_NAME if "arq_queue" in names else table


def _literal(value: object) -> str:
    match value:
        case dict():
            return "{ " + ", ".join(f"{name} = {_literal(one)}" for name, one in value.items()) + " }"
        case tuple():
            return "{ " + ", ".join(map(_literal, value)) + " }"
        case _:
            return json.dumps(value)
