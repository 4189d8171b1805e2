"""Unique keys of jobs: the options `unique`, `debounce` and `throttle` of a submit, and their keys in Redis, beside
those of `tasks.queue.redis_keys`.

`pressroom:unique:<owner>:<hash>`, a string: the id of the job that holds a key (`lua/parts/unique/holding.lua`). The
transitions of that job remove it, or let it expire; the deletion of the job removes it; reconciliation renews it. What
is left of a job whose record is gone holds nothing, and expires after UNIQUE_MS.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final, Literal

from tasks.queue.redis_keys import DAY_MS, ROOT
from tasks.refusal import Refusal

UNIQUE: Final = ROOT + "unique:"
UNIQUE_MS: Final = 30 * DAY_MS
"""The key of a job that has not ended lives this long, and is renewed by each transition and by reconciliation."""

UNIQUE_CONSTANTS: Final[dict[str, object]] = {"unique": UNIQUE, "unique_ms": UNIQUE_MS}
"""What scripts know as `K.<name>`, besides SCRIPT_CONSTANTS."""

Option = Literal["unique", "debounce", "throttle"]
Span = Literal["waiting", "running", "ended", "throttle"]
OnConflict = Literal["return", "replace", "reject"]


@dataclass(frozen=True, slots=True)
class Uniqueness:
    """How long a job holds a key, and what becomes of a submit that meets the holder.

    A key is one of its owner, of its kind of job and of its option: two owners, two kinds, and `unique` and `throttle`
    never meet.

    Attributes:
        option: Which option of the submit it is.
        key: Its key.
        span: Until when it is held: until the job begins (`waiting`), until it ends (`running`), `span_ms` longer
            (`ended`), or `span_ms` from the submit (`throttle`).
        span_ms: Milliseconds, of the last two.
        on_conflict: What becomes of another submit: it is answered with the holder, puts its work in the holder's
            place, or is refused.
        wait_ms, max_wait_ms: Of a debounce: by how much a submit puts the job off, and how long after the first at
            most.
        sent: The option as it was sent.
    """

    option: Option
    key: str
    span: Span
    span_ms: int = 0
    on_conflict: OnConflict = "return"
    wait_ms: int = 0
    max_wait_ms: int = 0
    sent: str = "{}"

    def hash_of(self, kind: str) -> str:
        """What the key in Redis ends with."""
        return hashlib.sha256(f"{self.option}\n{kind}\n{self.key}".encode()).hexdigest()[:32]

    def stored(self, kind: str) -> str:
        """The field `unique` of the record."""
        return f"{self.span} {self.span_ms} {self.hash_of(kind)}"

    def shown(self) -> str:
        """The field `unique_as` of the record: the option as the job's JSON has it."""
        return json.dumps({self.option: json.loads(self.sent)})

    def payload(self, kind: str) -> dict[str, Any]:
        """What `find_conflict` in `lua/parts/unique/conflicts.lua` finds in its payload."""
        asked: dict[str, Any] = {"hash": self.hash_of(kind), "on_conflict": self.on_conflict}
        return asked | {"wait_ms": self.wait_ms, "max_wait_ms": self.max_wait_ms} if self.wait_ms else asked


def add_key(job: dict[str, Any], uniqueness: Uniqueness | None) -> None:
    """Add what `create` in `lua/parts/creation.lua` takes of a job with a key."""
    if uniqueness is not None:
        job["unique"] = stored = uniqueness.stored(job["kind"])
        job["fields"] += ["unique", stored, "unique_as", uniqueness.shown()]


def conflict(answer: dict[str, Any], uniqueness: Uniqueness) -> Refusal:
    """What is answered to a submit that another job keeps out. answer: the script's, `conflict`."""
    job_id, state, option = answer["id"], answer["state"], uniqueness.option
    if uniqueness.on_conflict == "replace":
        message = (
            f"{option}: Job {job_id!r} has this key and is {state}; only a job that waits can be replaced. "
            "Submit it again when that one lets go of the key, or choose another key."
        )
    else:
        message = (
            f"{option}: Job {job_id!r} has this key and is {state}. "
            "Wait until it lets go of the key, cancel it, or choose another key."
        )
    return Refusal("not_unique", message, field=option, job=job_id)


def check_alone(uniqueness: Uniqueness | None) -> None:
    """A key belongs to one job.

    Raises:
        Refusal: `invalid_request`, from a submit that makes several.
    """
    if uniqueness is not None:
        message = f"{uniqueness.option}: One request with several files makes several jobs. Send them one by one."
        raise Refusal("invalid_request", message, field=uniqueness.option)
