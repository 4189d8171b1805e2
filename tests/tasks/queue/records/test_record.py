"""Records: the states' own rules, and what is read of a Redis hash."""

import json

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.records.record import Priority, Record, State, new_id
from tests.support.queue.submissions import record_of, submission

BARE = {
    b"kind": b"echo",
    b"queue": b"default",
    b"owner": b"dev",
    b"state": b"queued",
    b"priority": b"normal",
    b"params": b"{}",
    b"created_at": b"1000",
    b"due_at": b"2000",
}


def test_a_job_ends_in_three_ways() -> None:
    assert {state for state in State if state.ended} == {State.SUCCEEDED, State.FAILED, State.CANCELLED}


def test_priorities_are_ranked_from_high_to_low() -> None:
    assert sorted(Priority, key=lambda priority: priority.rank) == [Priority.HIGH, Priority.NORMAL, Priority.LOW]


def test_ids_are_128_random_bits() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in ids)


def test_what_the_hash_does_not_say_is_none_or_empty() -> None:
    record = Record.from_hash("a", BARE)
    assert record == Record(
        id="a",
        kind="echo",
        queue="default",
        owner="dev",
        state=State.QUEUED,
        priority=Priority.NORMAL,
        params="{}",
        created_at=1000,
        due_at=2000,
    )
    assert (record.attempts, record.files, record.progress, record.tries) == ((), (), None, 0)


def test_attempts_are_read_oldest_first_and_the_one_that_runs_is_not_among_them() -> None:
    attempts = {f"attempt:{n}".encode(): json.dumps({"number": n}).encode() for n in (10, 9, 2, 1)}
    record = Record.from_hash("a", {**BARE, **attempts, b"attempt": b"11"})
    assert [one["number"] for one in record.attempts] == [1, 2, 9, 10]
    assert record.attempt == 11


def test_users_words_are_read_as_they_were_written() -> None:
    words = {b"name": "größe \u2603.png".encode(), b"result": json.dumps({"a": None, "b": [], "c": {}}).encode()}
    record = Record.from_hash("a", {**BARE, **words})
    assert record.name == "größe \u2603.png"
    assert record.result == {"a": None, "b": [], "c": {}}


@pytest.mark.parametrize(("now_ms", "expired"), [(4999, False), (5000, True)])
def test_a_record_is_a_tombstone_from_its_expiry_on(now_ms: int, expired: bool) -> None:
    assert Record.from_hash("a", {**BARE, b"expires_at": b"5000"}).expired(now_ms) is expired
    assert not Record.from_hash("a", BARE).expired(now_ms)


async def test_what_a_submit_answers_is_what_is_read_back(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    for fields in (
        {},
        {"name": "größe.png", "request_id": "r-1", "priority": Priority.HIGH, "params": {"a": ["\u2603"]}},
        {"delay_ms": 60_000, "priority": Priority.LOW, "queue": "media", "blobs": ("0" * 64,)},
    ):
        submitted = await enqueuer.enqueue(submission(**fields))
        assert submitted.record == await record_of(redis, submitted.job_id)
