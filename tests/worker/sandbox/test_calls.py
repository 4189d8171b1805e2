"""What crosses, and how it comes back."""

import asyncio
from typing import Any

import pytest

from tasks.kind import Sandbox
from tasks.refusal import Refusal, SandboxDeath
from tests.worker.sandbox.conftest import MakeSandbox
from worker.sandbox import frames
from worker.sandbox.sandbox import ProcessSandbox

WORK = "tests.support.sandbox.work"


async def call(sandbox: Sandbox, name: str, *args: Any) -> Any:
    return await sandbox.call(f"{WORK}:{name}", *args, seconds=10, memory_mb=1)


async def test_values_cross_both_ways_unchanged(sandbox: ProcessSandbox) -> None:
    values = [None, True, -(2**63), 2**64 - 1, 0.1, "é\0漢", b"\0\xff", [1, [2]], {"name": "small", "sizes": [1, 2]}]
    assert await call(sandbox, "echo", *values) == values


async def test_megabytes_of_bytes_cross(sandbox: ProcessSandbox) -> None:
    data = bytes(range(256)) * 12_000
    assert await call(sandbox, "echo", data) == [data]


async def test_a_refusal_crosses_with_its_field_and_limit(sandbox: ProcessSandbox) -> None:
    with pytest.raises(Refusal) as caught:
        await call(sandbox, "refuse")
    refusal = caught.value
    assert not isinstance(refusal, SandboxDeath)
    assert (refusal.code, refusal.field, refusal.limit) == ("too_many_pixels", "variants.0.width", 6)
    assert refusal.message == "The picture has 7 pixels, the limit is 6."


async def test_any_other_exception_comes_back_with_its_traceback(sandbox: ProcessSandbox) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)work:fail failed.*work\.py.*KeyError: 'no such colour'"):
        await call(sandbox, "fail")


async def test_sys_exit_in_the_work_is_an_error_and_no_death(sandbox: ProcessSandbox) -> None:
    with pytest.raises(RuntimeError, match="SystemExit: enough"):
        await call(sandbox, "leave")


async def test_a_function_that_is_not_there_is_an_error(sandbox: ProcessSandbox) -> None:
    with pytest.raises(RuntimeError, match="AttributeError"):
        await call(sandbox, "nowhere")


async def test_an_answer_that_cannot_cross_is_an_error(sandbox: ProcessSandbox) -> None:
    with pytest.raises(RuntimeError, match="can not serialize 'object'"):
        await call(sandbox, "return_object")
    with pytest.raises(RuntimeError, match=f"limit {frames.FRAME_LIMIT_BYTES}"):
        await call(sandbox, "return_bytes", frames.FRAME_LIMIT_BYTES)


async def test_arguments_that_cannot_cross_are_the_callers_error(sandbox: ProcessSandbox) -> None:
    with pytest.raises(ValueError, match="write a file and send its path"):
        await call(sandbox, "echo", bytes(frames.FRAME_LIMIT_BYTES))
    with pytest.raises(TypeError, match="can not serialize"):
        await call(sandbox, "echo", object())
    with pytest.raises(OverflowError):
        await call(sandbox, "echo", 2**64)


async def test_a_hundred_calls_on_two_children_each_get_their_own_answer(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(children=2, recycle_after=7)
    answers = await asyncio.gather(*(call(sandbox, "echo", number) for number in range(100)))
    assert answers == [[number] for number in range(100)]


def test_a_frame_may_arrive_byte_by_byte() -> None:
    inbox = frames.Inbox()
    values = [inbox.feed(bytes([byte])) for byte in frames.encode(["value", 7])]
    assert values[-1] == ["value", 7]
    assert values[:-1] == [None] * (len(values) - 1)


def test_a_frame_over_the_limit_is_refused_before_it_is_collected() -> None:
    with pytest.raises(ValueError, match="over the limit"):
        frames.Inbox().feed(frames.HEADER.pack(frames.FRAME_LIMIT_BYTES + 1))
