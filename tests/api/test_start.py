"""Starting: what is told, and what is refused."""

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
import structlog
from arq.connections import ArqRedis
from pydantic import SecretStr

from api.app import opened
from api.http.access.keys import Keys
from tasks.accounts.key_store import Asker, KeyStore
from tasks.settings import Settings, load
from tests.support.api.serving import KEYS
from tests.support.eventually import eventually
from tests.support.processes import ROOT
from tests.support.servers import RcloneServer
from tools.servers import Valkey, free_port
from worker.resources import open_resources


def refused(error: Exception) -> None:
    raise error


def on_a_platform(settings: Settings, **changes: Any) -> Settings:
    return in_production(settings, dyno="web.1", **{"storage_url": "s3://bucket/files", **changes})


def in_production(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"dev": False, "public_url": "https://pressroom.example.com", **changes})


async def test_production_needs_a_key_that_seals_secrets(settings: Settings) -> None:
    for open_secrets in (in_production(settings, secret_key=None), on_a_platform(settings, secret_key=None)):
        with pytest.raises(ValueError, match="SECRET_KEY"):
            async with opened(open_secrets, refused):
                pass
        with pytest.raises(ValueError, match="SECRET_KEY"):
            open_resources(open_secrets, {})


async def test_production_needs_a_storage_that_is_named(settings: Settings) -> None:
    """A local folder will do where its operator says so."""
    written = settings.model_dump(exclude={"storage_url", "api_keys"}, exclude_unset=True)
    unnamed = Settings(_env_file=None, **written | {"api_keys": KEYS, "dev": False, "public_url": "https://p.example"})
    with pytest.raises(ValueError, match="STORAGE_URL is not set"):
        async with opened(unnamed, refused):
            pass
    with pytest.raises(ValueError, match="STORAGE_URL is not set"):
        open_resources(unnamed, {})
    open_resources(in_production(settings), {})


def test_development_is_not_for_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYNO", "web.1")
    with pytest.raises(ValueError, match="DYNO: DEV=1 is for development"):
        load()


@pytest.mark.parametrize(
    ("program", "said"), [("api", "web: PUBLIC_URL is empty"), ("worker", "worker: SECRET_KEY is")]
)
def test_a_process_that_anyone_could_use_does_not_start(program: str, said: str) -> None:
    left_out = {"DEV", "API_KEYS", "SECRET_KEY"}
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    done = subprocess.run(
        [sys.executable, "-m", program],
        cwd=ROOT,
        env={**environment, "STORAGE_URL": "memory://", "PORT": str(free_port())},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode in (2, 3)
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("program", ["api", "worker"])
def test_wrong_keys_of_the_storage_end_the_start(program: str, rclone: RcloneServer, valkey: Valkey) -> None:
    variables = {
        **rclone.environment,
        "AWS_SECRET_ACCESS_KEY": "wrong-and-not-repeated",
        "STORAGE_URL": f"s3://{rclone.bucket}/files",
        "STORAGE_ENDPOINT": rclone.url,
        "REDIS_URL": valkey.url,
        "PORT": str(free_port()),
    }
    done = subprocess.run(
        [sys.executable, "-m", program],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"{'web' if program == 'api' else 'worker'}: STORAGE_URL: ")
    assert "Its keys are wrong" in last
    assert "not-repeated" not in done.stderr
    assert "Traceback" not in done.stderr


async def test_in_development_secrets_that_lie_open_are_told_of(settings: Settings, redis: ArqRedis) -> None:
    for secret_key, count in ((settings.secret_key, 0), (None, 1)):
        with structlog.testing.capture_logs() as lines:
            async with opened(settings.model_copy(update={"secret_key": secret_key}), refused):
                await watching(redis)
        told = [line["log_level"] for line in lines if line["event"] == "api.secrets"]
        assert told == ["warning"] * count
        assert "k" * 32 not in str(lines)


@pytest.mark.parametrize("program", ["api", "worker"])
def test_a_stop_that_takes_longer_than_the_platform_waits_is_refused(program: str) -> None:
    environment = {**os.environ, "DRAIN_S": "10", "PORT": str(free_port())}
    done = subprocess.run(
        [sys.executable, "-m", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode in (2, 3)
    assert "DRAIN_S: with SHUTDOWN_GRACE_S=25 it is 35 s" in done.stderr
    assert Settings(_env_file=None, drain_s=10, shutdown_grace_s=20).drain_s == 10
    assert Settings(_env_file=None, drain_s=10, platform_stop_s=60).drain_s == 10


@pytest.mark.parametrize("url", ["file://./data", "memory://"])
async def test_a_platform_without_a_shared_disk_needs_a_bucket(settings: Settings, url: str) -> None:
    with pytest.raises(ValueError, match="STORAGE_URL"):
        async with opened(on_a_platform(settings, storage_url=url), refused):
            pass


async def test_production_without_any_key_says_how_to_make_the_first(settings: Settings, redis: ArqRedis) -> None:
    keyless = in_production(settings, api_keys=(), public_url="https://pressroom.example.com")
    for makes_key, event in ((False, "api.no_keys"), (True, "api.keys")):
        if makes_key:
            await KeyStore(redis, 1).create("shop", "ci", ["images"], Asker("cli"), read_only=False, life_ms=None)
        with structlog.testing.capture_logs() as lines:
            async with opened(keyless, refused) as context:
                await watching(redis)
                assert not context.keys.open
        events = {line["event"]: line for line in lines}
        assert events["api.keys"]["in_redis"] is makes_key
        assert ("api.no_keys" in events) == (event == "api.no_keys")
        if not makes_key:
            assert "python -m api.accounts keys create" in events["api.no_keys"]["message"]


async def test_production_needs_a_public_url(settings: Settings, redis: ArqRedis) -> None:
    with pytest.raises(ValueError, match=r"PUBLIC_URL is empty\. Set it to the URL that clients use"):
        async with opened(in_production(settings, public_url=None), refused):
            pass
    for named in (in_production(settings), settings.model_copy(update={"public_url": None})):
        async with opened(named, refused):
            await watching(redis)


async def watching(redis: ArqRedis) -> None:
    """Return once what was opened has its subscription: it is up then."""
    await eventually(redis.pubsub_channels)


async def test_a_start_says_what_it_found_and_no_secret(settings: Settings, redis: ArqRedis) -> None:
    with structlog.testing.capture_logs() as lines:
        async with opened(settings, refused):
            await watching(redis)
    told = {line["event"]: line for line in lines}
    assert "folder" in told["api.storage"]["storage"]
    assert (told["api.keys"]["keys"], told["api.keys"]["owners"]) == (2, 2)
    assert told["api.redis"]["maxmemory_policy"] == "noeviction"
    assert "alice-key" not in str(lines)


async def test_a_password_of_redis_is_not_told(settings: Settings) -> None:
    nowhere = SecretStr(f"redis://user:hidden@127.0.0.1:{free_port()}/3")
    with structlog.testing.capture_logs() as lines:
        async with opened(settings.model_copy(update={"redis_url": nowhere}), refused):
            pass  # it starts all the same: Redis may come later
    [line] = [line for line in lines if line["event"] == "api.redis"]
    assert "error" in line
    assert "hidden" not in str(lines)


async def test_the_open_mode_says_so_loudly(settings: Settings, redis: ArqRedis) -> None:
    with structlog.testing.capture_logs() as lines:
        async with opened(settings.model_copy(update={"api_keys": ()}), refused) as context:
            assert context.keys.open
            await watching(redis)
    [line] = [line for line in lines if line["event"] == "api.open"]
    assert line["log_level"] == "warning"


def test_an_owner_may_have_several_keys() -> None:
    keys = Keys(Settings(_env_file=None, api_keys="alice:first-key-of-alice,alice:second-key-of-alice"))
    first, second = keys.find("first-key-of-alice"), keys.find("second-key-of-alice")
    assert first is not None
    assert second is not None
    assert (first.owner, first.is_admin) == ("alice", False)
    assert replace(first, setting_key=None) == replace(second, setting_key=None)
    for unknown in ("", "first-key-of-alic", "first-key-of-alice ", "schlüssel"):
        assert keys.find(unknown) is None
