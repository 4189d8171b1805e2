"""The audit log: who changed what, and who tried to. Two streams in Redis, so that no flood of refused tries pushes a
change out.

A change writes its line in its own script (`lua/parts/accounts/audit.lua`, `tasks.queue.actor`). What was refused, or
only read by an admin, is noted after its response (`AuditLog.note`).
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from redis.asyncio import Redis

from tasks.queue.redis_keys import AUDIT, AUDIT_NOTES
from tasks.queue.script import Script

STREAMS: Final = (AUDIT, AUDIT_NOTES)
AT_ONCE: Final = 200
"""Lines that one command reads."""
REFUSED: Final = "refused"
READ: Final = "read"
DONE: Final = "done"


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One line.

    Attributes:
        id: Its time and place in the stream, `<ms>-<number>`.
        outcome: `done`, `refused` or `read`.
        action: What was done, such as `revoke_key`: the operation id of the route.
        owner: Whose thing it is.
        thing: The id of the thing.
        code: Why it was refused.
        by: The owner of the key that was used; `cli` for the command line.
        key: The short public id of the key.
        address: The IP address of the client.
        request: The id of the request.
        before: The fields that changed, as they were.
        after: The same, as they are.
    """

    id: str
    outcome: str
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
            outcome=DONE if stream == AUDIT else REFUSED if code else READ,
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

    async def newest(self, stream: str, before: str, since_ms: int) -> AsyncIterator[AuditLine]:
        """Lines of a stream, the newest first.

        Args:
            stream: One of STREAMS.
            before: An id, or `<ms>` for all of that millisecond, or `+`; this one is given too. `(` before it leaves
                it out.
            since_ms: The time of the oldest line, in milliseconds since 1970.
        """
        while True:
            found = await self._redis.xrevrange(stream, before, str(since_ms), count=AT_ONCE)
            for line_id, raw in found:
                yield AuditLine.read(stream, line_id, raw)
            if len(found) < AT_ONCE:
                return
            before = f"({found[-1][0].decode()}"

    async def expire(self, before_ms: int) -> int:
        """Remove the lines from before a time (milliseconds since 1970). Returns how many there were."""
        return sum([int(await self._redis.xtrim(stream, minid=before_ms, approximate=False)) for stream in STREAMS])


def _values(text: str | None) -> Mapping[str, Any] | None:
    if text is None:
        return None
    found: Mapping[str, Any] = json.loads(text)
    return found
