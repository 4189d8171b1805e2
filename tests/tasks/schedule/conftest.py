"""The timetable for the tests of this folder."""

import pytest
from arq.connections import ArqRedis

from tasks.settings import Settings
from tests.tasks.schedule.clockwork import Clockwork


@pytest.fixture
def settings(redis: ArqRedis) -> Settings:
    return Settings(
        _env_file=None, max_schedules=3, max_waiting_jobs=5, owner_max_waiting=5, owner_schedules_per_minute=0
    )


@pytest.fixture
def clockwork(redis: ArqRedis, settings: Settings) -> Clockwork:
    return Clockwork(redis, settings)
