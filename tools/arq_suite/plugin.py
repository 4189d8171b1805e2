"""A plugin for pytest, in the run of ARQ's own tests: their Redis is the one of this run, their worker may be ours."""

import os
import sys
from importlib import import_module
from types import ModuleType, TracebackType

PORT, WORKER = "ARQ_SUITE_PORT", "ARQ_SUITE_WORKER"


class LocalRedis:
    """Stands for the container that ARQ's tests would start."""

    port = 6379

    def __init__(self, image: str) -> None:
        del image

    def __enter__(self) -> "LocalRedis":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def get_container_host_ip(self) -> str:
        """Where it is."""
        return "127.0.0.1"

    def get_exposed_port(self, port: int) -> int:
        """Its port."""
        del port
        return int(os.environ[PORT])


def pytest_load_initial_conftests() -> None:
    """Put both in their places, before the tests are imported."""
    containers = ModuleType("testcontainers.redis")
    containers.RedisContainer = LocalRedis  # type: ignore[attr-defined]
    sys.modules["testcontainers"] = ModuleType("testcontainers")
    sys.modules["testcontainers.redis"] = containers
    if os.environ.get(WORKER) == "pressroom":
        worker = import_module("worker.application.pressroom_worker").PressroomWorker
        for name in ("arq", "arq.worker"):
            vars(import_module(name))["Worker"] = worker
