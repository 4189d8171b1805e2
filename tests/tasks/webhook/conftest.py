"""Fixtures of the tests of webhooks: a store of endpoints."""

import pytest
from arq.connections import ArqRedis

from tasks.settings import Settings
from tasks.webhook.endpoints import Endpoints
from tasks.webhook.secret_box import SecretBox


@pytest.fixture
def settings() -> Settings:
    return Settings(_env_file=None, max_endpoints=3)


@pytest.fixture
def box() -> SecretBox:
    return SecretBox(["k" * 32])


@pytest.fixture
def endpoints(redis: ArqRedis, settings: Settings, box: SecretBox) -> Endpoints:
    return Endpoints(redis, settings, box)
