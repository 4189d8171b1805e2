"""The audit log: a change and its line are one, nothing secret is in it, and it does not grow without end."""

import pytest
from arq.connections import ArqRedis

from tasks.accounts.audit import STREAMS, AuditLine, AuditLog
from tasks.queue import script
from tasks.queue.actor import Actor, acting
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.redis_keys import AUDIT, AUDIT_NOTES
from tasks.queue.script import Script

ADMIN = Actor(
    action="pause_queue", by="ops", key="k1", address="192.0.2.7", request="r-1", max_lines=100, keep_ms=60_000
)
NOW = "+"


@pytest.fixture
def audit_log(redis: ArqRedis) -> AuditLog:
    return AuditLog(redis)


async def lines_of(audit_log: AuditLog, stream: str = AUDIT) -> list[AuditLine]:
    return [line async for line in audit_log.newest(stream, NOW, 0)]


async def change(redis: ArqRedis, monkeypatch: pytest.MonkeyPatch, lua: str) -> None:
    """Run a script that changes something, made for one test."""
    text = f"-- needs: accounts/audit\n{lua}\nreturn cmsgpack.pack(true)\n"
    original = script.read
    with monkeypatch.context() as patched:
        patched.setattr(script, "read", lambda name: text if name == "verbs/of_a_test" else original(name))
        script.source.cache_clear()
        await Script(redis, "verbs/of_a_test")({})
        script.source.cache_clear()


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
