"""What is answered to a submit that the script refused, other than by a limit."""

from typing import Any, Protocol

from tasks.queue.records.record import RunIf
from tasks.refusal import Refusal


class Named(Protocol):
    """What of a submission the messages name."""

    @property
    def batch(self) -> str | None: ...

    @property
    def run_if(self) -> RunIf: ...


def refusal_of(answer: dict[str, Any], submission: Named) -> Exception:
    """The exception for an answer of `enqueue.lua` that is neither a job nor a limit.

    Args:
        answer: The answer.
        submission: What was submitted.
    """
    match answer:
        case {"answer": "reused", "id": job_id}:
            code, field = "key_reused", "Idempotency-Key"
            said = f"This Idempotency-Key was already used for job {job_id!r} with other content. Use a new key."
        case {"answer": "no_destination", "id": name}:
            code, field, said = "not_found", "destination", f"You have no destination {name!r}."
        case {"answer": "unknown", "id": job_id}:
            code, field = "not_found", "batch" if job_id == submission.batch else "after"
            said = f"Job {job_id!r} was not found."
        case {"answer": "ended", "id": job_id, "state": state}:
            not_needed = submission.run_if is RunIf.FAILURE
            cure = "A job that runs only if it fails is not needed." if not_needed else "Retry it first."
            code, field, said = "prerequisite_failed", "after", f"Job {job_id!r} is {state}. {cure}"
        case {"answer": "open", "id": job_id}:
            code, field, said = "batch_open", "after", f"Batch {job_id!r} is open. Seal it first."
        case {"answer": "sealed", "id": job_id}:
            code, field = "batch_sealed", "batch"
            said = f"Batch {job_id!r} is sealed and accepts no more jobs. Open another one."
        case _:
            return RuntimeError(f"enqueue.lua answered {answer!r}")
    return Refusal(code, said if code == "key_reused" else f"{field}: {said}", field=field)
