"""`python -m api.accounts keys …`: the way to the first key; and `owners …`."""

import asyncio
import os
import subprocess
import sys

import pytest
from arq.connections import ArqRedis

from api.accounts.__main__ import REFUSED, UNUSABLE, main
from tasks.accounts.audit import AuditLog, AuditSelection
from tasks.accounts.key_format import digest_of, id_of, is_well_formed
from tasks.queue.account_keys import SUSPENDED
from tools.servers import Valkey, free_port

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def environment(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", valkey.url)


async def run(*arguments: str) -> int:
    return await asyncio.to_thread(main, ["keys", *arguments])


async def make(capsys: Captured, *more: str) -> tuple[str, str]:
    """Make a key of acme's. Returns the key and its id."""
    assert await run("create", "--owner", "acme", "--name", "ci", *more) == 0
    key = capsys.readouterr().out.strip()
    assert is_well_formed(key)
    return key, id_of(digest_of(key))


async def listed(capsys: Captured, *more: str) -> list[str]:
    assert await run("list", *more) == 0
    return capsys.readouterr().out.splitlines()


async def test_a_key_is_made_listed_rotated_and_revoked(capsys: Captured, redis: ArqRedis) -> None:
    del redis  # it is clean
    key, key_id = await make(capsys, "--scopes", "images, jobs:read", "--expires", "90d", "--read-only")
    [line] = await listed(capsys)
    assert line.startswith(f"{key_id}  live  owner=acme  name='ci'  scopes=images,jobs:read  read-only  expires=")
    assert key not in line

    assert await run("rotate", key_id, "--grace", "1h") == 0
    answer = capsys.readouterr()
    assert is_well_formed(answer.out.strip()), "the key alone goes to standard output"
    assert f"The key {key_id} lives until" in answer.err
    assert await run("rotate", key_id) == REFUSED
    assert "two keys are live" in capsys.readouterr().err

    assert await run("revoke", key_id) == 0
    assert [line.split()[1] for line in await listed(capsys, "--owner", "acme")] == ["live", "revoked"]
    assert await listed(capsys, "--owner", "bob") == []


async def test_all_scopes_can_be_given_at_once(capsys: Captured, redis: ArqRedis) -> None:
    del redis  # it is clean
    await make(capsys, "--scopes", "all")
    assert "scopes=images,reports,webhooks,jobs:read,jobs:write,keys,admin" in (await listed(capsys))[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--scopes", "image"), "no scope is named image; there are images, "),
        (("--scopes", ""), "no scope is named"),
        (("--scopes", "images", "--expires", "soon"), "--expires"),
        (("--scopes", "images", "--owner", "a:b"), "An owner is 1 to 100 letters"),
        (("--scopes", "images", "--owner", "system"), "has a meaning of its own"),
        (("--scopes", "images", "--name", "a\x1b[2J"), "all of them printable"),
    ],
)
def test_what_cannot_be_is_said(capsys: Captured, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(SystemExit):
        main(["keys", "create", "--owner", "acme", "--name", "ci", *arguments])
    assert message in capsys.readouterr().err


async def owners(capsys: Captured, *arguments: str) -> str:
    assert await asyncio.to_thread(main, ["owners", *arguments]) == 0
    return capsys.readouterr().out.strip()


async def test_an_owner_is_made_changed_suspended_resumed_and_listed(capsys: Captured, redis: ArqRedis) -> None:
    quotas = ("--quota", "endpoints=5", "--quota", "stored_bytes=1000")
    assert await owners(capsys, "create", "acme", *quotas, "--note", "Trial") == (
        "acme  active  endpoints=5  stored_bytes=1000  note='Trial'"
    )
    changed = await owners(capsys, "set", "acme", "--quota", "endpoints=default", "--note", "")
    assert changed == "acme  active  stored_bytes=1000"
    line = await owners(capsys, "suspend", "acme", "--reason", "Unpaid\nsince May")
    assert line.startswith("acme  suspended  since=")
    assert line.endswith("reason='Unpaid\\nsince May'")
    assert await redis.hexists(SUSPENDED, "acme")
    assert await owners(capsys, "resume", "acme") == changed
    await owners(capsys, "create", "bob")
    assert await owners(capsys, "list") == f"bob  active\n{changed}"
    lines, _ = await AuditLog(redis).page(AuditSelection(owner="acme"), limit=9)
    actions = ["resume_owner", "suspend_owner", "change_owner", "create_owner"]
    assert [(line.action, line.by) for line in lines] == [(action, "cli") for action in actions]


async def test_what_an_owner_cannot_be_is_refused(capsys: Captured, redis: ArqRedis) -> None:
    del redis  # it is clean
    await owners(capsys, "create", "acme")
    for arguments, message in (
        (("create", "acme"), "has a record already. Change it with PATCH, or `python -m api.accounts owners set`"),
        (
            ("suspend", "acne"),
            "has no record. Make one with POST /v1/owners, or `python -m api.accounts owners create`",
        ),
        (("set", "acne", "--note", "x"), "has no record"),
    ):
        assert await asyncio.to_thread(main, ["owners", *arguments]) == REFUSED
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("quota", "message"),
    [
        ("bytes=1", "no quota is named 'bytes'; there are requests_per_second"),
        ("endpoints", "give a whole number, or default"),
        ("endpoints=-1", "give a whole number, or default"),
        ("waiting_jobs=0", "greater than or equal to 1"),
        (f"stored_bytes={2**53}", "less than or equal to"),
    ],
)
def test_a_quota_that_cannot_be_is_refused(capsys: Captured, quota: str, message: str) -> None:
    with pytest.raises(SystemExit):
        main(["owners", "create", "acme", "--quota", quota])
    assert message in capsys.readouterr().err


async def test_an_unknown_key_is_refused(capsys: Captured, redis: ArqRedis) -> None:
    del redis  # it is clean
    assert await run("revoke", "0" * 16) == REFUSED
    assert "was not found" in capsys.readouterr().err


def test_without_redis_it_says_so_in_one_line() -> None:
    environment = {**os.environ, "REDIS_URL": f"redis://127.0.0.1:{free_port()}"}
    done = subprocess.run(
        [sys.executable, "-m", "api.accounts", "keys", "list"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (UNUSABLE, "", 1)
    assert done.stderr.startswith("accounts: REDIS_URL: Redis does not answer (")


def test_a_wrong_password_has_the_message_of_the_start(
    capsys: Captured, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://:no@127.0.0.1:{valkey.port}/0")
    assert main(["keys", "list"]) == UNUSABLE
    assert capsys.readouterr().err.startswith("accounts: REDIS_URL: it has a password, and the server asks for none")
