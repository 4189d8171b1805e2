"""Notes in the audit log what no change has written there: tries that were refused, and what admins looked at.

It is told of a request after its response, so that no client waits for it. Lines are written in groups, one group at a
time. What is alike is noted once a minute: what was refused from the addresses of a network, whatever ids it named, is.
Requests without a valid key come from as many networks as their sender likes, so their lines have a limit besides
(AUDIT_WRONG_KEYS_PER_MINUTE): a flood costs little and pushes little out.
"""

import asyncio
from collections import OrderedDict
from time import monotonic
from typing import Any, Final

import structlog
from redis.exceptions import RedisError
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.access.access import Access
from api.http.access.forwarded import client_address, network_of
from api.http.access.scopes import READING, required_scopes
from tasks.accounts.audit import AuditLog
from tasks.queue.actor import Actor, act_as
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.stopping import stop
from tasks.telemetry.outage_log import OutageLog

log = structlog.get_logger()

NO_ACCESS: Final = frozenset({"forbidden", "owner_suspended", "token_forbids", "foreign_origin"})
NO_KEY: Final = NO_ACCESS | {"unauthorized", "rate_limited"}
"""What is noted of a request whose key was accepted, and of one whose key was not."""
ALIKE_S: Final = 60.0
MINUTE_S: Final = 60.0
REMEMBERED: Final = 2_000
"""Lines of the last minute that are not written again."""
MAX_PENDING: Final = 1_000
"""Lines that wait to be written; more are lost, as are those that Redis does not take."""
AT_ONCE: Final = 100
KEY_ATTEMPT: Final = "use_key"
"""The action of a request without a valid key: which route it names says nothing."""


class Auditor:
    """Writes the notes of one web process.

    Args:
        audit_log: Where they go.
        settings: The settings of the process.
    """

    def __init__(self, audit_log: AuditLog, settings: Settings) -> None:
        self._audit_log = audit_log
        self._limits = {"max_lines": settings.audit_max_lines, "keep_ms": settings.keep_audit_s * 1000}
        self._most_keyless = settings.audit_wrong_keys_per_minute
        self._keyless, self._minute_ends = 0, 0.0
        self._pending: list[dict[str, Any]] = []
        self._lately: OrderedDict[tuple[Any, ...], float] = OrderedDict()
        self._writing: asyncio.Task[None] | None = None
        self._outage = OutageLog("audit.away", "audit.back")

    def actor_of(self, scope: Scope) -> Actor:
        """Who sends a request, and for what."""
        access: Access | None = scope.get("access")
        return Actor(
            action=getattr(scope.get("route"), "operation_id", None) or KEY_ATTEMPT,
            by=access.owner if access else None,
            key=access.audited_key if access else None,
            address=client_address(scope),
            request=scope["request_id"],
            **self._limits,
        )

    def note(self, scope: Scope, *, tried_key: bool = True) -> None:
        """Note a request that has been answered, if it is one of those that are noted.

        Args:
            scope: The request.
            tried_key: Whether it came with a key.
        """
        code: str | None = scope.get("code")
        if "access" not in scope:
            if code in NO_KEY and tried_key:
                self._add(self.actor_of(scope), {"code": code})
            return
        is_read = code is None and "acting_for" in scope and _only_reads(scope)
        if is_read or code in NO_ACCESS:
            thing = next(iter(scope.get("path_params", {}).values()), None)
            self._add(self.actor_of(scope), {"owner": scope.get("acting_for"), "id": thing, "code": code})

    async def close(self) -> None:
        """Write what is pending, and stop."""
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=1)
            await stop(self._writing)

    def _add(self, actor: Actor, line: dict[str, Any]) -> None:
        code, now = line["code"], monotonic()
        network = actor.address and network_of(actor.address)
        # Ids that were refused are whatever the sender likes.
        thing = line.get("id") if code is None else None
        alike = (actor.action, actor.by, actor.key, network, line.get("owner"), code, thing)
        if now - self._lately.get(alike, -ALIKE_S) < ALIKE_S or (actor.by is None and not self._has_room(now)):
            return
        self._lately[alike] = now
        self._lately.move_to_end(alike)
        if len(self._lately) > REMEMBERED:
            self._lately.popitem(last=False)
        if len(self._pending) < MAX_PENDING:
            self._pending.append({"actor": actor.payload(), **line})
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="Auditor")

    def _has_room(self, now: float) -> bool:
        """Whether one more line of a request without a valid key may be written in this minute. Counts it."""
        if now >= self._minute_ends:
            self._keyless, self._minute_ends = 0, now + MINUTE_S
        self._keyless += 1
        if self._keyless == self._most_keyless + 1:
            log.warning("audit.flooded", limit=self._most_keyless, setting="AUDIT_WRONG_KEYS_PER_MINUTE")
        return self._keyless <= self._most_keyless

    async def _write(self) -> None:
        while self._pending:
            lines, self._pending = self._pending[:AT_ONCE], self._pending[AT_ONCE:]
            try:
                await self._audit_log.note(lines)
            except (Refusal, RedisError, OSError) as error:
                self._outage.failed(error)


def with_audit(app: ASGIApp, *, only_portals: bool = False) -> ASGIApp:
    """Wrap an endpoint, so that the audit log has what it changes.

    Args:
        app: The endpoint: one for keys, owners or tokens, or one that customers use in a portal.
        only_portals: Whether only what customers change there is written.
    """

    async def act(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in READING and (not only_portals or scope["access"].channel is not None):
            auditor: Auditor = scope["state"]["context"].auditor
            act_as(auditor.actor_of(scope))
        await app(scope, receive, send)

    return act


def _only_reads(scope: Scope) -> bool:
    """Whether a request changes nothing: by its method, or by the scope that its route needs."""
    return scope["method"] in READING or all(one.endswith(":read") for one in required_scopes(scope["endpoint"]))
