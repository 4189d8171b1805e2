"""How many jobs may wait, of one owner and in one queue. `lua/parts/owners/waiting.lua` holds it within a submit."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tasks.accounts.quotas import Quotas
from tasks.queue.records import indexes
from tasks.queue.redis_keys import QUEUES
from tasks.refusal import Quota, Refusal
from tasks.settings import SYSTEM, Settings

REASONS: Final = {
    "full": "queue_full",
    "owner_full": "owner_queue_full",
    "too_fast": "rate_limited",
    "queue_unknown": "forbidden",
    "too_many_queues": "too_many_queues",
}
"""What the script answers to a submit that is over a limit, and the code of the refusal."""
RATED: Final = {
    "deliveries": "Your events may make at most {} deliveries per minute",
    "runs": "You may start at most {} runs of schedules per minute",
    "schedules": "You may create at most {} schedules per minute",
}
"""What each rate is for."""


class SubmitLimits:
    """The limits of the settings, as the scripts take them, and what is answered to those who are over.

    The service's own jobs are never refused: they repair a queue that is full, or report it. Upkeep that an owner asks
    for, such as a bulk cancellation, counts by itself, so that it can be asked for when everything else is full.

    Args:
        settings: The limits.
        kinds: Those that count together; a job's own always does.
    """

    def __init__(self, settings: Settings, kinds: Iterable[str] = ()) -> None:
        self._settings = settings
        self._kinds = frozenset(kinds)
        self._defaults = Quotas.of(settings)
        self._rates = {
            "runs": settings.owner_runs_per_minute,
            "schedules": settings.owner_schedules_per_minute,
        }

    def rules(self, job: Mapping[str, Any], quotas: Quotas | None = None) -> dict[str, Any]:
        """What `owners/waiting.lua` finds in its payload.

        Args:
            job: One of the new jobs, as `Enqueuer.job` makes it; all of them have the same owner.
            quotas: The owner's; None is what the settings say.
        """
        settings, owner, quotas = self._settings, job["owner"], quotas or self._defaults
        made = {} if job["queue"] in QUEUES else {"new_queue": {"most": settings.max_queues, "own": quotas.queues}}
        if owner == SYSTEM or (job.get("upkeep") and owner in settings.operators):
            return made
        if job.get("upkeep"):
            most = settings.owner_max_bulk
            limits = {"waiting": most, "scheduled": most, "job_indexes": [indexes.of_kind(owner, job["kind"])]}
            return {"owner_limits": limits}
        limits = {
            "waiting": quotas.waiting_jobs,
            "scheduled": quotas.scheduled_jobs,
            "job_indexes": [indexes.of_kind(owner, kind) for kind in self._kinds | {job["kind"]}],
        }
        return {"owner_limits": limits, "max_waiting": settings.max_waiting_jobs, **self.rates(quotas), **made}

    def rates(self, quotas: Quotas | None = None) -> dict[str, Any]:
        """What `owners/rates.lua` finds in its payload.

        Args:
            quotas: The owner's; None is what the settings say.
        """
        return {"rates": {**self._rates, "deliveries": (quotas or self._defaults).deliveries_per_minute}}

    def too_fast(self, answer: Mapping[str, Any]) -> Refusal:
        """What is answered to a request that asks for more than a rate allows.

        Args:
            answer: The script's answer.
        """
        what, seconds = answer["what"], math.ceil(answer["wait_ms"] / 1000)
        limit = answer["limit"]
        message = f"{RATED[what].format(limit)} (OWNER_{what.upper()}_PER_MINUTE). Try again in {seconds} s."
        quota = Quota(f"{what}-per-minute", window_s=60)
        return Refusal("rate_limited", message, limit=limit, retry_after_s=seconds, quota=quota)

    def refusal(self, answer: Mapping[str, Any], job: Mapping[str, Any], field: str | None = None) -> Refusal:
        """What is answered to a submit that the script found to be over a limit.

        Args:
            answer: The script's answer, one of REASONS.
            job: One of the jobs.
            field: What of a request for several jobs made them; None for one job.
        """
        code = REASONS[answer["answer"]]
        if code in ("rate_limited", "forbidden", "too_many_queues"):
            return self.too_fast(answer) if code == "rate_limited" else _no_queue(code, answer)
        settings, waiting = self._settings, answer["waiting"]
        limit, what, more = answer.get("limit", 0), answer.get("what"), answer.get("more", 1)
        added = f" this would be {more} more," if field or more > 1 else ""
        # No end of other jobs makes room for so many.
        fewer = "Submit fewer jobs at once." if more > limit else None
        match what:
            case None:
                message = f"{waiting} jobs wait in the queue {answer['queue']!r}, which is full. Try again later."
                return Refusal(code, message, limit=settings.max_waiting_jobs)
            case _ if job.get("upkeep"):
                message = (
                    f"{waiting} of your {job['kind']} jobs wait, and {limit} may (OWNER_MAX_BULK). "
                    "Try again when they have ended."
                )
                return Refusal(code, message, limit=limit, quota=Quota("waiting-bulk-jobs"))
            case "scheduled":
                message = (
                    f"{waiting} of your jobs are scheduled or wait for other jobs,{added} and {limit} may "
                    f"(OWNER_MAX_SCHEDULED). {fewer or 'Try again when some have started, or cancel some.'}"
                )
                field = field or ("delay" if job["delay_ms"] else "after")
                return Refusal(code, message, field=field, limit=limit, quota=Quota("scheduled-jobs"))
            case "deliveries":
                message = (
                    f"About {waiting} of your deliveries wait, and {limit} may (OWNER_MAX_WAITING). Try again when "
                    "some have ended, or disable the endpoints that fail and cancel what waits for them."
                )
                return Refusal(code, message, field="type", limit=limit, quota=Quota("waiting-deliveries"))
        message = (
            f"{waiting} of your jobs wait,{added} and {limit} may (OWNER_MAX_WAITING). "
            f"{fewer or 'Try again when some have ended, or cancel some.'}"
        )
        return Refusal(code, message, limit=limit, quota=Quota("waiting-jobs"))


def _no_queue(code: str, answer: Mapping[str, Any]) -> Refusal:
    """What is answered to a submit that names a queue which is not there, and cannot be made."""
    queue, limit = answer["id"], answer["limit"]
    if code == "too_many_queues":
        message = f"queue: There is no queue {queue!r}, and as many as may be made (MAX_QUEUES, {limit}). Name another."
    elif limit:
        message = f"queue: There is no queue {queue!r}, and you have made {limit}, as many as you may (OWNER_QUEUES)."
    else:
        message = f"queue: There is no queue {queue!r}, and you may make none (OWNER_QUEUES). Ask an admin to make it."
    return Refusal(code, message, field="queue", limit=limit)
