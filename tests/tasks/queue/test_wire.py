"""What goes through ARQ's keys: msgpack both ways, and outcomes that ARQ's own `Job` understands."""

import asyncio
import pickle

import msgpack
import pytest
from arq.jobs import DeserializationError, SerializationError, deserialize_job, deserialize_result, serialize_result

from tasks.queue.redis_keys import arq_queue
from tasks.queue.wire import JobFailed, deserialize, serialize
from tasks.refusal import Refusal


def through_arq(result: object, *, success: bool) -> object:
    """What `JobResult.result` is at the far end for a result that ARQ's own worker wrote."""
    body = serialize_result(
        *("echo", (), {}, 1, 1_700_000_000_000, success, result, 1, 2, "ref", arq_queue("default"), "id"),
        serializer=serialize,
    )
    assert body is not None
    return deserialize_result(body, deserializer=deserialize).result


@pytest.mark.parametrize(
    "value", [None, True, 0, -(2**63), 2**64 - 1, 1.5, "größe", b"\xff\x00", [1, None, [2]], {"a": {"b": []}}]
)
def test_a_value_comes_back_as_it_was_given(value: object) -> None:
    assert through_arq(value, success=True) == value


def test_a_failure_comes_back_as_an_exception_with_code_and_message() -> None:
    failure = through_arq(JobFailed("corrupt", "This is no picture."), success=False)
    assert isinstance(failure, JobFailed)
    assert (failure.code, failure.message) == ("corrupt", "This is no picture.")


def test_a_refusal_keeps_its_code_and_its_sentence_alone() -> None:
    failure = through_arq(Refusal("too_large", "Send less."), success=False)
    assert isinstance(failure, JobFailed)
    assert (failure.code, failure.message) == ("too_large", "Send less.")


@pytest.mark.parametrize(("error", "message"), [(RuntimeError("broke"), "broke"), (RuntimeError(), "RuntimeError")])
def test_any_other_exception_says_what_it_can(error: Exception, message: str) -> None:
    failure = through_arq(error, success=False)
    assert isinstance(failure, JobFailed)
    assert (failure.code, failure.message) == ("failed", message)


def test_a_cancellation_comes_back_as_the_exception_that_arq_takes_for_one() -> None:
    assert isinstance(through_arq(asyncio.CancelledError(), success=False), asyncio.CancelledError)


def test_a_result_that_cannot_be_packed_is_told_in_arqs_own_way() -> None:
    """ARQ puts a sentence in its place, which is no code and message."""
    assert through_arq({"too big": 2**64}, success=True) == "unable to serialize result"


def test_a_pickle_is_refused_unopened() -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return pytest.fail, ("it was opened",)

    with pytest.raises(DeserializationError):
        deserialize_job(pickle.dumps(Bomb()), deserializer=deserialize)


def test_what_msgpack_cannot_carry_is_refused_at_the_door() -> None:
    with pytest.raises(TypeError):
        serialize({"a": [object()]})
    assert msgpack.unpackb(serialize({"a": []})) == {"a": []}
    assert issubclass(DeserializationError, SerializationError)
