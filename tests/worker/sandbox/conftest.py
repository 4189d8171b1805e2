"""The sandbox under test, on both event loops it must work on, and the means to wait for its children."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.sandbox.child_events import ChildEvent, Gate
from worker.sandbox.sandbox import ProcessSandbox

MakeSandbox = Callable[..., ProcessSandbox]
ROOMY = {"children": 4, "memory_mb": 256, "budget_mb": 4096, "recycle_after": 100}


@pytest.fixture(scope="session", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture
async def make_sandbox(tmp_path: Path) -> AsyncIterator[MakeSandbox]:
    """Builds sandboxes that differ from ROOMY as told, and stops them."""
    async with contextlib.AsyncExitStack() as stack:

        def make(**options: Any) -> ProcessSandbox:
            given = {"preload": ["tests.support.sandbox.work"], "folders": [tmp_path], **ROOMY, **options}
            sandbox = ProcessSandbox(**given)
            stack.push_async_callback(sandbox.stop)
            return sandbox

        yield make


@pytest.fixture
async def sandbox(make_sandbox: MakeSandbox) -> ProcessSandbox:
    return make_sandbox()


@pytest.fixture
def make_event(tmp_path: Path) -> Iterator[Callable[[], ChildEvent]]:
    with contextlib.ExitStack() as stack:
        made: list[ChildEvent] = []

        def make() -> ChildEvent:
            made.append(stack.enter_context(contextlib.closing(ChildEvent(tmp_path / f"event-{len(made)}"))))
            return made[-1]

        yield make


@pytest.fixture
def gates(tmp_path: Path) -> Iterator[Callable[[], Gate]]:
    with contextlib.ExitStack() as stack:
        made: list[Gate] = []

        def make() -> Gate:
            made.append(stack.enter_context(contextlib.closing(Gate(tmp_path / f"gate-{len(made)}"))))
            return made[-1]

        yield make


@pytest.fixture
def event(make_event: Callable[[], ChildEvent]) -> ChildEvent:
    return make_event()


@pytest.fixture
def gate(gates: Callable[[], Gate]) -> Gate:
    return gates()
