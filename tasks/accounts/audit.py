"""The audit log: who changed what, and who tried to. Two streams in Redis, so that no flood of refused tries pushes a
change out.

A change writes its line in its own script (`lua/parts/accounts/audit.lua`, `tasks.queue.actor`). What was refused, or
only read by an admin, is noted after its response (`AuditLog.note`).
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from redis.asyncio import Redis

from tasks.queue.account_keys import AUDIT, AUDIT_NOTES
from tasks.queue.records.cursor import read_cursor, write_cursor
from tasks.queue.script import Script

STREAMS: Final = (AUDIT, AUDIT_NOTES)
AT_ONCE: Final = 200
"""Lines that one command reads."""
EXAMINED: Final = 1_000
"""Lines that are examined for one page."""

Outcome = Literal["done", "refused", "read"]
Place = tuple[int, int, int]
"""The time of a line, its number in that millisecond, and its stream."""


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One line.

    Attributes:
        id: Its time and place in the stream, `<ms>-<number>`.
        stream: One of STREAMS.
        outcome: `done`, `refused` or `read`.
        action: What was done, such as `revoke_key`: the operation id of the route.
        owner: Whose thing it is.
        thing: The id of the thing.
        code: Why it was refused.
        by: The owner of the key that was used; `cli` for the command line.
        key: The short public id of the key, or `portal:` and the id of a portal link.
        address: The IP address of the client.
        request: The id of the request.
        before: The fields that changed, as they were.
        after: The same, as they are.
    """

    id: str
    stream: str
    outcome: Outcome
    action: str
    owner: str | None
    thing: str | None
    code: str | None
    by: str | None
    key: str | None
    address: str | None
    request: str | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    @property
    def at_ms(self) -> int:
        """When it was written, in milliseconds since 1970."""
        return int(self.id.partition("-")[0])

    @classmethod
    def read(cls, stream: str, line_id: bytes, raw: Mapping[bytes, bytes]) -> Self:
        """Read an entry of a stream."""
        fields = {name.decode(): value.decode(errors="replace") for name, value in raw.items()}
        code = fields.get("code")
        return cls(
            id=line_id.decode(),
            stream=stream,
            outcome="done" if stream == AUDIT else "refused" if code else "read",
            action=fields["action"],
            owner=fields.get("owner"),
            thing=fields.get("id"),
            code=code,
            by=fields.get("by"),
            key=fields.get("key"),
            address=fields.get("address"),
            request=fields.get("request"),
            before=_values(fields.get("before")),
            after=_values(fields.get("after")),
        )


@dataclass(frozen=True, slots=True)
class AuditSelection:
    """Which lines are meant. A line must match every field that is given.

    Attributes:
        owner: Whose thing was meant; for a line about no thing, who did it.
        key: The id of the key that was used, or to which something was done.
        action: What was done.
        outcome: `done`, `refused` or `read`.
        since_ms: The earliest time, in milliseconds since 1970.
        until_ms: The latest time; None for now.
        with_reads: Whether lines whose outcome is `read` are meant too, if no outcome is given.
    """

    owner: str | None = None
    key: str | None = None
    action: str | None = None
    outcome: Outcome | None = None
    since_ms: int = 0
    until_ms: int | None = None
    with_reads: bool = True

    @property
    def streams(self) -> tuple[str, ...]:
        """Those that may hold such lines."""
        if self.outcome is None:
            return STREAMS
        return (AUDIT,) if self.outcome == "done" else (AUDIT_NOTES,)

    def takes(self, line: AuditLine) -> bool:
        """Whether a line matches."""
        return (
            (self.owner is None or self.owner == (line.owner or line.by))
            and (self.key is None or self.key in (line.key, line.thing))
            and (self.action is None or self.action == line.action)
            and (self.outcome == line.outcome if self.outcome else self.with_reads or line.outcome != "read")
        )


class AuditLog:
    """Reads the audit log, and notes what no script of a change writes.

    Args:
        redis: Connection.
    """

    def __init__(self, redis: "Redis[bytes]") -> None:
        self._redis = redis
        self._note = Script(redis, "submit/audit_notes")

    async def note(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Append lines about tries and reads.

        Args:
            lines: Each with `actor` (`Actor.payload`) and, if there are any, `owner`, `id` and `code`.

        Raises:
            Refusal: `redis_full`; nothing is noted then.
        """
        await self._note({"lines": list(lines)})

    async def page(
        self, selection: AuditSelection, *, limit: int, cursor: str | None = None
    ) -> tuple[list[AuditLine], str | None]:
        """A page of lines, the newest first. It may be short although more follow: so many are examined at once.

        Args:
            selection: Which lines.
            limit: Lines at most.
            cursor: Where the page before ended.

        Returns:
            The lines, and the cursor of the next page.

        Raises:
            Refusal: `invalid_request` for a cursor that this service did not make.
        """
        place = _read_place(cursor) if cursor else None
        found: list[AuditLine] = []
        examined = 0
        async for line in self._merged(selection, place):
            examined += 1
            if selection.takes(line):
                found.append(line)
            if len(found) == limit or examined == EXAMINED:
                return found, _write_place(line)
        return found, None

    async def expire(self, before_ms: int) -> int:
        """Remove the lines from before a time (milliseconds since 1970). Returns how many there were."""
        return sum([int(await self._redis.xtrim(stream, minid=before_ms, approximate=False)) for stream in STREAMS])

    async def _merged(self, selection: AuditSelection, place: Place | None) -> AsyncIterator[AuditLine]:
        until = "+" if selection.until_ms is None else str(selection.until_ms)
        lines = [
            self._newest(stream, _before(place, stream) if place else until, selection.since_ms)
            for stream in selection.streams
        ]
        heads = [await anext(one, None) for one in lines]
        while any(heads):
            newest = max(range(len(heads)), key=lambda n: _place_of(heads[n]))
            line = heads[newest]
            assert line is not None  # noqa: S101 - for the type checker
            yield line
            heads[newest] = await anext(lines[newest], None)

    async def _newest(self, stream: str, before: str, since_ms: int) -> AsyncIterator[AuditLine]:
        while True:
            found = await self._redis.xrevrange(stream, before, str(since_ms), count=AT_ONCE)
            for line_id, raw in found:
                yield AuditLine.read(stream, line_id, raw)
            if len(found) < AT_ONCE:
                return
            before = f"({found[-1][0].decode()}"


def _values(text: str | None) -> Mapping[str, Any] | None:
    if text is None:
        return None
    found: Mapping[str, Any] = json.loads(text)
    return found


def _place_of(line: AuditLine | None) -> Place:
    """The place of a line among those of all streams; that of no line is before all."""
    if line is None:
        return -1, -1, -1
    at_ms, number = map(int, line.id.split("-"))
    return at_ms, number, STREAMS.index(line.stream)


def _before(place: Place, stream: str) -> str:
    """The id with which a stream goes on after a place."""
    at_ms, number, last = place
    return f"{'' if STREAMS.index(stream) < last else '('}{at_ms}-{number}"


def _write_place(line: AuditLine) -> str:
    at_ms, *entry = _place_of(line)
    return write_cursor(at_ms, "{}.{}".format(*entry))


def _read_place(cursor: str) -> Place:
    at_ms, entry = read_cursor(cursor)
    number, _, stream = entry.partition(".")
    # A place that is none of ours is some place: it reveals nothing.
    return at_ms, int(number[:18]) if number.isdecimal() else 0, int(stream == "1")
