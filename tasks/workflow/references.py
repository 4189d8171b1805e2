"""References in params to what earlier jobs made: `{"$job": id, "path": "result.total"}`.

They are replaced as the job starts, only where its submit said `results`, and only for the jobs that it comes after.
What was put in is not read again for references.
"""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from redis.asyncio import Redis

from tasks.queue.records.list import read
from tasks.queue.records.record import Record
from tasks.queue.redis_keys import JOB
from tasks.refusal import Refusal

JOB_KEY: Final = "$job"
PATH_KEY: Final = "path"
FindMoved = Callable[[str], Awaitable[Record | None]]
MAX_REFERENCES: Final = 100
"""References that the params of one job may have."""


class ResultReference(NamedTuple):
    """One reference. field: where it stands, such as `rows.0.total`; job: the id; path: what of that job is meant."""

    field: str
    job: str
    path: str


def references_of(params: Any, field: str = "") -> Iterator[ResultReference]:
    """Find the references in a JSON value.

    Args:
        params: The value.
        field: Where it stands itself.
    """
    if isinstance(params, dict):
        if params.keys() == {JOB_KEY, PATH_KEY} and all(isinstance(one, str) for one in params.values()):
            yield ResultReference(field, params[JOB_KEY], params[PATH_KEY])
            return
        pairs: Iterator[tuple[Any, Any]] = iter(params.items())
    elif isinstance(params, list):
        pairs = iter(enumerate(params))
    else:
        return
    for name, value in pairs:
        yield from references_of(value, f"{field}.{name}" if field else str(name))


def replaced(params: Any, replace: Callable[[ResultReference], Any], field: str = "") -> Any:
    """A JSON value with something else in place of each reference."""
    if isinstance(params, dict):
        if params.keys() == {JOB_KEY, PATH_KEY} and all(isinstance(one, str) for one in params.values()):
            return replace(ResultReference(field, params[JOB_KEY], params[PATH_KEY]))
        return {name: replaced(one, replace, f"{field}.{name}" if field else name) for name, one in params.items()}
    if isinstance(params, list):
        return [replaced(one, replace, f"{field}.{place}" if field else str(place)) for place, one in enumerate(params)]
    return params


async def with_results(
    redis: "Redis[bytes]", job_id: str, params: str, max_bytes: int, find_moved: FindMoved | None = None
) -> str:
    """The params of a job that starts, with what it refers to.

    Args:
        redis: The client.
        job_id: The job.
        params: Its params as JSON.
        max_bytes: Bytes that they may have then.
        find_moved: Finds a job whose record has left Redis (`History.find`). Without it such a job is gone.

    Returns:
        The same text if its submit did not say `results`.

    Raises:
        Refusal: `expired` if a job that it refers to is gone; `invalid_params` if that has nothing at the path, or if
            the params became too large.
        StorageUnavailable: Such a record is there, but the storage does not answer.
        redis.exceptions.RedisError: Redis does not answer.
    """
    if f'"{JOB_KEY}"' not in params:
        return params
    allowed = await redis.hget(JOB + job_id, "results")
    if not allowed:
        return params
    value, ids = json.loads(params), json.loads(allowed)
    wanted = dict.fromkeys(one.job for one in references_of(value) if one.job in ids)
    outcomes = {one: outcome_of(await _found(redis, one, find_moved)) for one in wanted}
    text = json.dumps(
        replaced(
            value,
            lambda one: _at(one, outcomes[one.job]) if one.job in outcomes else {JOB_KEY: one.job, PATH_KEY: one.path},
        ),
        ensure_ascii=False,
    )
    if (size := len(text.encode())) > max_bytes:
        message = f"With the results of other jobs the params are {size} bytes, more than the limit of {max_bytes}."
        raise Refusal("invalid_params", message, field="params", limit=max_bytes)
    return text


def outcome_of(record: Record) -> dict[str, Any]:
    """What of a job references can name."""
    files = [{"sha256" if name == "blob" else name: one for name, one in file.items()} for file in record.files]
    return {"id": record.id, "state": record.state, "result": record.result, "files": files, "error": record.error}


async def _found(redis: "Redis[bytes]", job_id: str, find_moved: FindMoved | None) -> Record:
    record = await read(redis, job_id)
    if record is None and find_moved is not None:
        record = await find_moved(job_id)
    if record is None:
        raise Refusal("expired", f"Job {job_id!r}, to whose result the params refer, is gone. Submit it again.")
    return record


def _at(reference: ResultReference, outcome: Any) -> Any:
    value = outcome
    for name in reference.path.split("."):
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, Sequence) and not isinstance(value, str) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            field = f"params.{reference.field}"
            message = f"{field}: Job {reference.job!r} has nothing at {reference.path!r}. Correct the path."
            raise Refusal("invalid_params", message, field=field)
    return value
