"""What can go wrong: every exception of this client is a `PressroomError`."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from pressroom_client.records import Job


class PressroomError(Exception):
    """Anything that this client raises by itself."""


class NoAnswerError(PressroomError):
    """The service did not answer, after all tries. Its `__cause__` is the error of httpx."""


class SignatureError(PressroomError, ValueError):
    """The request is no webhook that was signed with the secret, or it is too old."""


class ApiError(PressroomError):
    """The service refused a request.

    status: of HTTP.
    code: a stable code for programs, such as `too_large`; `http_502` where a proxy has answered.
    detail: what happened and what to do, for people.
    field, limit: where in the request, and the limit that was exceeded.
    request_id: to be given when the problem is reported.
    errors: each field at fault, where several were examined.
    retry_after_s: when to try again, in seconds, if the service says so.
    """

    def __init__(self, response: httpx.Response, retry_after_s: float | None) -> None:
        problem = _problem(response)
        self.status: int = response.status_code
        self.code: str = problem.get("code") or f"http_{response.status_code}"
        self.detail: str = problem.get("detail") or response.reason_phrase
        self.field: str | None = problem.get("field")
        self.limit: float | None = problem.get("limit")
        self.request_id: str | None = problem.get("request_id") or response.headers.get("x-request-id")
        self.errors: Sequence[Mapping[str, Any]] = problem.get("errors") or ()
        self.retry_after_s = retry_after_s
        super().__init__(f"{self.detail} (HTTP {self.status}, {self.code}, request {self.request_id})")


class JobFailedError(PressroomError):
    """The job that was waited for has failed or was cancelled. job: its record. code: of its error."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.code = job.error.code if job.error else job.state
        message = job.error.message if job.error else "It has no error."
        super().__init__(f"Job {job.id} has {job.state}: {message} ({self.code})")


class WaitTimeoutError(PressroomError, TimeoutError):
    """The job has not ended in the time that it was waited for. job: its record at that time."""

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(f"Job {job.id} has not ended; it is {job.state}.")


def _problem(response: httpx.Response) -> Mapping[str, Any]:
    """The problem (RFC 9457) in an answer; empty if somebody else has written the answer."""
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
