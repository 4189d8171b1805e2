"""What became of a job, in the order of time: its steps, and its attempts."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from api.console.formats import seconds_between
from api.console.texts import Text

PHASES: Final = ("dns", "connect", "wait", "read")
"""Of an attempt at a delivery, in order."""
BADGES: Final = {"retrying": "failed", "postponed": "retrying", "handed_back": "queued", "lapsed": "failed"}
"""Outcome of an attempt → the state whose badge it has, where it is not one of its own name."""


def steps_of(job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Created, due, started, ended: each with its time and the seconds since the one before."""
    first = job["attempts"][0]["started_at"] if job["attempts"] else job.get("started_at")
    known = [
        ("created", job["created_at"]),
        ("started", first),
        ("tried", job.get("started_at") if job.get("started_at") != first else None),
        ("due", job.get("due_at")),
        ("ended", job.get("finished_at")),
    ]
    steps: list[dict[str, Any]] = []
    for name, time in known:
        if time:
            before = steps[-1]["time"] if steps else None
            steps.append({"name": name, "time": time, "since": seconds_between(before, time) if before else None})
    return steps


def attempts_of(job: Mapping[str, Any], delivery: Mapping[str, Any] | None, t: Text) -> list[dict[str, Any]]:
    """The attempts, newest first: how long each waited and ran, what came of it, and of a delivery what came back.

    Args:
        job: The job.
        delivery: The same as a delivery, if it is one that the visitor may see.
        t: The texts of the reader.
    """
    sent = {attempt["number"]: attempt for attempt in (delivery or {}).get("attempts", ())}
    shown, before = [], job["created_at"]
    for attempt in job["attempts"]:
        outcome = attempt["outcome"]
        of_delivery = sent.get(attempt["number"], {})
        shown.append(
            {
                **attempt,
                **{name: of_delivery[name] for name in ("url", "status", "address", "answer") if name in of_delivery},
                "badge": BADGES.get(outcome, outcome),
                "word": t(f"job_page.outcome_{outcome}"),
                "waited": seconds_between(before, attempt["started_at"]),
                "ran": seconds_between(attempt["started_at"], attempt.get("ended_at")),
                "phases": phases_of(of_delivery.get("timing") or {}),
                "has_exchange": "exchange" in of_delivery,
            }
        )
        before = attempt.get("ended_at") or attempt["started_at"]
    return shown[::-1]


def phases_of(timing: Mapping[str, float]) -> Sequence[tuple[str, float]]:
    """The phases of a request in order, with seconds each."""
    return [(name, timing[name] / 1000) for name in PHASES if name in timing]
