"""Starting: what is told, and what is refused."""

import os
import subprocess
import sys
from typing import Any

import pytest
import structlog
from arq.connections import ArqRedis
from pydantic import SecretStr

from api.app import opened
from api.http.access.keys import Keys
from tasks.refusal import Refusal
from tasks.settings import Settings
from tests.support.eventually import eventually
from tests.support.processes import ROOT
from tests.support.servers import free_port
from worker.resources import open_resources


def refused(error: Exception) -> None:
    raise error


def on_a_platform(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"dyno": "web.1", "storage_url": "s3://bucket/files", **changes})


async def test_a_platform_needs_a_key_that_seals_secrets(settings: Settings) -> None:
    with pytest.raises(ValueError, match="SECRET_KEY"):
        async with opened(on_a_platform(settings, secret_key=None), refused):
            pass
    with pytest.raises(ValueError, match="SECRET_KEY"):
        open_resources(on_a_platform(settings, secret_key=None), {})


async def test_elsewhere_secrets_that_lie_open_are_told_of(settings: Settings, redis: ArqRedis) -> None:
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


async def test_a_platform_needs_keys(settings: Settings) -> None:
    with pytest.raises(ValueError, match="API_KEYS"):
        async with opened(on_a_platform(settings, api_keys=()), refused):
            pass


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
            assert context.keys.owner_by_key(None) == "dev"
            await watching(redis)
    [line] = [line for line in lines if line["event"] == "api.open"]
    assert line["log_level"] == "warning"


def test_an_owner_may_have_several_keys() -> None:
    keys = Keys([("alice", SecretStr("first-key-of-alice")), ("alice", SecretStr("second-key-of-alice"))])
    assert keys.owner_by_key("first-key-of-alice") == keys.owner_by_key("second-key-of-alice") == "alice"
    for unknown in (None, "", "first-key-of-alic", "first-key-of-alice ", "schlüssel"):
        with pytest.raises(Refusal, match="unauthorized"):
            keys.owner_by_key(unknown)
