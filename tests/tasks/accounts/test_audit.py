"""The audit log: a change and its line are one, nothing secret is in it, and it does not grow without end."""

import contextlib
import hashlib
from typing import Any

import pytest
from arq.connections import ArqRedis

from tasks import clock
from tasks.accounts.audit import STREAMS, AuditLine, AuditLog, AuditSelection
from tasks.queue import script
from tasks.queue.account_keys import AUDIT, AUDIT_NOTES
from tasks.queue.actor import Actor, acting
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.script import Script
from tasks.refusal import Refusal

ADMIN = Actor(
    action="pause_queue", by="ops", key="k1", address="192.0.2.7", request="r-1", max_lines=100, keep_ms=60_000
)


@pytest.fixture
def audit_log(redis: ArqRedis) -> AuditLog:
    return AuditLog(redis)


async def lines_of(audit_log: AuditLog, stream: str = AUDIT) -> list[AuditLine]:
    """All lines of a stream, read in pages of seven."""
    selection = AuditSelection(outcome="done") if stream == AUDIT else AuditSelection()
    lines, cursor = await audit_log.page(selection, limit=7)
    while cursor:
        more, cursor = await audit_log.page(selection, limit=7, cursor=cursor)
        lines += more
    assert sorted(lines, key=lambda line: tuple(map(int, line.id.split("-"))), reverse=True) == lines
    return [line for line in lines if line.stream == stream]


async def change(redis: ArqRedis, monkeypatch: pytest.MonkeyPatch, lua: str) -> None:
    """Run a script that changes something, made for one test."""
    text = f"-- needs: accounts/audit\n{lua}\nreturn cmsgpack.pack(true)\n"
    original, own = script.read, f"verbs/of_a_test/{hashlib.sha256(text.encode()).hexdigest()}"
    with monkeypatch.context() as patched:
        patched.setattr(script, "read", lambda name: text if name == own else original(name))
        await Script(redis, own)({})


async def test_a_change_writes_who_made_it(redis: ArqRedis, audit_log: AuditLog) -> None:
    lanes = LaneControls(redis)
    with acting(ADMIN):
        await lanes.pause("media")
        await lanes.resume("media")
    await lanes.pause("media")  # of nobody: a process of the service itself
    await lanes.resume("media")
    resumed, paused = await lines_of(audit_log)
    assert (paused.action, paused.thing, paused.before, paused.after) == (
        "pause_queue",
        "media",
        {"paused": False},
        {"paused": True},
    )
    assert (paused.by, paused.key, paused.address, paused.request) == ("ops", "k1", "192.0.2.7", "r-1")
    assert (resumed.before, resumed.outcome, resumed.at_ms >= paused.at_ms) == ({"paused": True}, "done", True)


async def test_nothing_secret_is_written(redis: ArqRedis, audit_log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = "{ key = 'pr_live_x', secret = 'x', new_secrets = 'x', sha256 = 'x', token = 'x', name = 'ci' }"
    with acting(ADMIN):
        await change(redis, monkeypatch, f"write_audit({{ id = 'k2', after = {fields} }})")
    (line,) = await lines_of(audit_log)
    assert line.after == {"name": "ci"}


async def test_a_line_has_a_limit_in_bytes(
    redis: ArqRedis, audit_log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = "local f = {} for n = 1, 50 do f['field' .. n] = string.rep('x', 1000) end"
    with acting(Actor(**{**ADMIN.payload(), "request": "r" * 5_000})):
        await change(redis, monkeypatch, f"{many} write_audit({{ id = 'é', after = f }})")
    (line,) = await lines_of(audit_log)
    assert line.after is not None
    assert list(line.after) == ["bytes"]
    assert line.request == "r" * 128


async def test_it_keeps_so_many_lines(redis: ArqRedis, audit_log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    with acting(ADMIN):
        lua = "for n = 1, 1000 do write_audit({ id = tostring(n) }) end"
        await change(redis, monkeypatch, lua)
    # Redis removes whole nodes of up to a hundred entries.
    assert 100 <= await redis.xlen(AUDIT) <= 200
    assert (await lines_of(audit_log))[0].thing == "1000"
    assert 0 < await redis.pttl(AUDIT) <= ADMIN.keep_ms


async def test_tries_and_reads_push_no_change_out(redis: ArqRedis, audit_log: AuditLog) -> None:
    with acting(ADMIN):
        await LaneControls(redis).pause("media")
        await LaneControls(redis).resume("media")
    refused = {"actor": ADMIN.payload(), "id": "media", "code": "forbidden"}
    read = {"actor": ADMIN.payload(), "owner": "alice", "id": "j"}
    await audit_log.note([refused] * 500)
    await audit_log.note([read])
    assert len(await lines_of(audit_log)) == 2
    last, *others = await lines_of(audit_log, AUDIT_NOTES)
    assert (last.outcome, last.owner, last.code) == ("read", "alice", None)
    assert (others[0].outcome, others[0].code, len(others) < 200) == ("refused", "forbidden", True)


async def test_old_lines_leave(redis: ArqRedis, audit_log: AuditLog) -> None:
    with acting(ADMIN):
        await LaneControls(redis).pause("media")
        await LaneControls(redis).resume("media")
    at_ms = (await lines_of(audit_log))[0].at_ms
    assert await audit_log.expire(at_ms - 60_000) == 0
    assert await audit_log.expire(at_ms + 1) == 2
    assert [line for stream in STREAMS for line in await lines_of(audit_log, stream)] == []


async def let_a_millisecond_pass(redis: ArqRedis) -> None:
    now_ms = clock.of_redis(await redis.time())
    while clock.of_redis(await redis.time()) == now_ms:
        pass


async def test_lines_are_selected(redis: ArqRedis, audit_log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = Actor(action="create_key", by="alice", key="k2", address=None, request=None, max_lines=100, keep_ms=60_000)
    with acting(alice):
        await change(redis, monkeypatch, "write_audit({ owner = 'alice', id = 'k3', after = { name = 'ci' } })")
    with acting(ADMIN):
        await LaneControls(redis).resume("media")
    await let_a_millisecond_pass(redis)  # lines of the same one have no order: they are in two streams
    await audit_log.note([{"actor": ADMIN.payload(), "owner": "bob", "id": "j"}])
    await audit_log.note([{"actor": alice.payload(), "code": "forbidden"}])

    async def selected(**criteria: Any) -> list[str]:
        lines, cursor = await audit_log.page(AuditSelection(**criteria), limit=50)
        assert cursor is None
        return [f"{line.by} {line.outcome}" for line in lines]

    everything = ["alice refused", "ops read", "ops done", "alice done"]
    assert await selected() == everything
    assert await selected(owner="alice") == ["alice refused", "alice done"]
    assert await selected(owner="bob") == ["ops read"]
    assert await selected(key="k1") == ["ops read", "ops done"]
    assert await selected(key="k3") == ["alice done"]
    assert await selected(action="create_key", outcome="refused") == ["alice refused"]
    assert await selected(outcome="read") == ["ops read"]
    now_ms = clock.of_redis(await redis.time())
    assert await selected(since_ms=now_ms - 60_000, until_ms=now_ms) == everything
    assert await selected(since_ms=now_ms + 1) == await selected(until_ms=now_ms - 60_000) == []


async def test_a_page_examines_a_limited_number_of_lines(audit_log: AuditLog) -> None:
    many = Actor(**{**ADMIN.payload(), "max_lines": 5_000})
    await audit_log.note([{"actor": many.payload(), "owner": "alice", "id": "first"}])
    for _ in range(6):
        await audit_log.note([{"actor": many.payload(), "owner": "bob"}] * 200)
    lines, cursor = await audit_log.page(AuditSelection(owner="alice"), limit=1)
    assert (lines, cursor is not None) == ([], True)
    (line,), _ = await audit_log.page(AuditSelection(owner="alice"), limit=1, cursor=cursor)
    assert line.thing == "first"


@pytest.mark.parametrize("cursor", ["x", "MTox", "MTo5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OS4x"])
async def test_a_cursor_that_is_made_up_harms_nothing(audit_log: AuditLog, cursor: str) -> None:
    with contextlib.suppress(Refusal):
        assert await audit_log.page(AuditSelection(), limit=1, cursor=cursor) == ([], None)
