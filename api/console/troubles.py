"""What is stuck, as the API answers it: a sentence each, with what cures it beside it.

Each function reads one answer of the API. The overview has them all, the page of the queues those of each queue.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import quote

from api.console.calls import ApiCall, at, at_queue, query_text
from api.console.formats import duration, exact, seconds_between
from api.console.texts import Text
from tasks.queue.watch.workers import start_command

OLD_S: Final = 30
"""Seconds that the oldest job of a served queue may wait before the overview names it."""
LAG_MS: Final = 1_000
FAILING_FROM: Final = 5
"""Failures in a row from which on an endpoint is named, also in the moment in which it is not parked."""
WAITS_FOR_OPERATORS: Final = ("owner_suspended", "paused_queue", "no_worker")
"""Reasons for which a job waits that its owner cannot change."""

Found = Mapping[str, Any]
"""JSON of the API."""


@dataclass(frozen=True, slots=True)
class Cure:
    """A form with one button.

    Attributes:
        path: Where it is sent, a page of ours.
        label: The button.
        fields: What it sends.
        call: What it does.
        question: What is asked first; nothing is asked if it is empty.
    """

    path: str
    label: str
    fields: Mapping[str, str | int]
    call: ApiCall
    question: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is stuck.

    Attributes:
        state: How bad it is: `failed` stops work, `retrying` may soon.
        subject: What it is about.
        text: What is wrong.
        advice: What to do, where no button does it.
        command: For a shell, at the end of the text.
        cures: What ends it.
        links: Pages that say more: path and label.
        key: What it is about, for a program: troubles of one key are shown once.
    """

    state: Literal["failed", "retrying"]
    subject: str
    text: str
    advice: str = ""
    command: str = ""
    cures: tuple[Cure, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    key: str = field(default="", compare=False)


def jobs_url(**criteria: str | int | None) -> str:
    """The list of jobs that match. criteria: as the API's list takes them."""
    return f"/console/jobs?{query_text(criteria)}"


def of_queue(queue: Found, t: Text) -> Trouble | None:
    """Why nothing of a queue moves; None if it moves, or has nothing to do."""
    name, due = queue["name"], queue["due"]
    waiting = _waiting(due, queue["oldest_age_s"], t)
    here = (f"/console/queues/{quote(name)}", t("troubles.open_queue"))
    listed = ((jobs_url(queue=name, state="queued", owner="*"), t("troubles.open_jobs")),) if due else ()
    if queue["paused"]:
        span = duration(seconds_between(queue.get("paused_since"), None), t)
        by, reason = queue.get("paused_by"), queue.get("pause_reason")
        said = t("troubles.paused_by", by=by, span=span) if by else t("troubles.paused", span=span)
        said += t("troubles.reason", reason=reason) if reason else t("troubles.end")
        return Trouble(
            "failed" if due else "retrying",
            name,
            f"{said} {waiting}".strip(),
            cures=(resume_of(name, t),),
            links=(here, *listed),
            key=f"queue {name}",
        )
    if not queue["served"]:
        text = t("troubles.unserved")
        return Trouble(
            "failed" if due else "retrying",
            name,
            f"{text} {waiting}".strip(),
            t("troubles.start"),
            start_command([name]),
            links=(here, *listed),
            key=f"queue {name}",
        )
    if due and queue["oldest_age_s"] >= OLD_S:
        text = t("troubles.slow", running=exact(queue["running"]), workers=exact(queue["workers"]))
        return Trouble(
            "retrying",
            name,
            f"{text} {waiting}",
            t("troubles.slow_advice"),
            links=(("/console/workers", t("troubles.open_workers")), here),
            key=f"queue {name}",
        )
    return None


def of_queues(queues: Sequence[Found], t: Text) -> Iterator[Trouble]:
    """Why queues do not move; all of those without a worker in one sentence."""
    unserved = [queue for queue in queues if not (queue["served"] or queue["paused"])]
    if len(unserved) > 1:
        yield _unserved(unserved, len(unserved) == len(queues), t)
    for queue in queues:
        trouble = of_queue(queue, t)
        if trouble is not None and (queue not in unserved or len(unserved) == 1):
            yield trouble


def _unserved(queues: Sequence[Found], are_all: bool, t: Text) -> Trouble:
    names = [queue["name"] for queue in queues]
    due = sum(queue["due"] for queue in queues)
    waiting = _waiting(due, max(queue["oldest_age_s"] for queue in queues), t)
    said = t("troubles.unserved_many")
    return Trouble(
        "failed" if due else "retrying",
        ", ".join(names),
        f"{said} {waiting}".strip(),
        t("troubles.start"),
        start_command(names, are_all=are_all),
        links=(("/console/queues", t("troubles.open_queues")), ("/console/workers", t("troubles.open_workers"))),
        key="unserved",
    )


def _waiting(due: int, oldest_s: float, t: Text) -> str:
    if not due:
        return ""
    # Jobs of lanes that cannot start any have no age.
    return (
        t("troubles.due", count=exact(due), span=duration(oldest_s, t))
        if oldest_s
        else t("troubles.due_only", count=exact(due))
    )


def resume_of(queue: str, t: Text) -> Cure:
    """The button that resumes a queue."""
    call = ApiCall("POST", at_queue(queue, "resume"))
    return Cure(f"/console/queues/{quote(queue)}/resume", t("troubles.resume", queue=queue), {}, call)


def of_workers(workers: Iterable[Found], queues: Iterable[Found], t: Text) -> Iterator[Trouble]:
    """Workers that have died, have no storage, or whose loop stands still."""
    unserved = [queue["name"] for queue in queues if not queue["served"]]
    workers = list(workers)
    replaced = [one for one in workers if not one["alive"] and not {*one["queues"]} & {*unserved}]
    if len(replaced) > 1:
        yield _replaced(replaced, t)
    for worker in (one for one in workers if len(replaced) < 2 or one not in replaced):
        link, key = ("/console/workers", t("troubles.open_workers")), f"worker {worker['id']}"
        if not worker["alive"]:
            span = duration(seconds_between(worker["last_beat_at"], None), t)
            left = [name for name in worker["queues"] if name in unserved]
            text = t("troubles.dead", span=span, count=exact(worker["running"]))
            jobs = (jobs_url(worker=worker["id"], owner="*"), t("troubles.open_its_jobs"))
            yield Trouble(
                "failed" if left else "retrying",
                worker["id"],
                text,
                t("troubles.start_again") if left else t("troubles.others_serve"),
                start_command(left),
                links=(link, jobs),
                key=key,
            )
        elif worker.get("storage_away_since"):
            span = duration(seconds_between(worker["storage_away_since"], None), t)
            yield Trouble("failed", worker["id"], t("troubles.no_storage", span=span), links=(link,), key=key)
        elif worker["loop_lag_ms"] >= LAG_MS:
            span = duration(worker["loop_lag_ms"] / 1000, t)
            yield Trouble("retrying", worker["id"], t("troubles.lag", span=span), links=(link,), key=key)


def _replaced(workers: Sequence[Found], t: Text) -> Trouble:
    """Workers that have died and whose queues others serve, in one sentence, the last one first."""
    latest = max(workers, key=lambda one: str(one["last_beat_at"]))
    span = duration(seconds_between(latest["last_beat_at"], None), t)
    return Trouble(
        "retrying",
        t("troubles.dead_workers", count=exact(len(workers))),
        t("troubles.dead_many", span=span, count=exact(sum(one["running"] for one in workers))),
        t("troubles.others_serve_theirs"),
        links=(("/console/workers", t("troubles.open_workers")),),
        key="workers",
    )


def of_lanes(lanes: Iterable[Found], t: Text) -> Iterator[Trouble]:
    """Endpoints that are parked, as the lanes of deliveries show them to admins."""
    for lane in lanes:
        kind, _, endpoint = lane["name"].partition(":")
        is_down = (
            lane["state"] == "parked" or lane.get("failures", 0) >= FAILING_FROM
        )  # between two pauses one is tried
        if kind == "endpoint" and is_down and lane.get("url"):
            health = {"failures": lane.get("failures", 0), "failing_since": lane.get("failing_since")}
            health["parked_until"] = lane.get("until") if lane["state"] == "parked" else None
            yield of_endpoint(endpoint, lane["url"], lane.get("owner"), health, t, lane["waiting"])


def of_endpoints(endpoints: Iterable[Found], t: Text) -> Iterator[Trouble]:
    """Endpoints that are parked, as their owner's list shows them."""
    for endpoint in endpoints:
        health = endpoint.get("health") or {}
        if endpoint["enabled"] and health.get("parked_until"):
            waiting = sum(health["deliveries"].get(state, 0) for state in ("queued", "scheduled"))
            yield of_endpoint(endpoint["id"], endpoint["url"], None, health, t, waiting)


def of_endpoint(endpoint: str, url: str, owner: str | None, health: Found, t: Text, waiting: int) -> Trouble:
    """An endpoint that is parked. owner: where it is another's; waiting: deliveries that wait for it."""
    until = seconds_between(health.get("parked_until"), None)
    since = seconds_between(health.get("failing_since"), None)
    said = (
        t("troubles.failing", count=exact(health["failures"]), span=duration(since, t))
        if health.get("failures")
        else t("troubles.asked")
    )
    if until is not None:
        said += " " + t("troubles.parked", span=duration(-until, t))
    said += " " + t("troubles.waits", count=exact(waiting))
    query = {"owner": owner} if owner else {}
    page = f"/console/webhooks/{endpoint}" + (f"?{query_text(query)}" if query else "")
    jobs = jobs_url(endpoint=endpoint, owner="*" if owner else None)
    return Trouble(
        "failed" if until is not None and health.get("failures") else "retrying",
        url,
        said,
        t("troubles.repair"),
        cures=(unpark_of(endpoint, owner, t),),
        links=((page, t("troubles.open_endpoint")), (jobs, t("troubles.open_deliveries"))),
        key=f"endpoint {endpoint}",
    )


def unpark_of(endpoint: str, owner: str | None, t: Text) -> Cure:
    """The button that has the deliveries to an endpoint sent now."""
    query = {"owner": owner} if owner else {}
    call = ApiCall("PATCH", at("endpoints", endpoint), query, {"enabled": True})
    return Cure("/console/queues/unpark", t("troubles.unpark"), {"endpoint": endpoint, **query}, call)


def of_poison(failures: Found, owner: str | None, t: Text) -> Iterator[Trouble]:
    """Jobs under which workers died. failures: of `GET /v1/failures`; owner: whose they are, `*` for everyone's."""
    for group in failures["groups"]:
        if group["code"] != "poison":
            continue
        criteria = criteria_of(group, owner, is_cut=failures["at_least"])
        count, newest, kind = group["count"], group["newest"], group["kind"]
        fields = {**criteria, "expect": count}
        yield Trouble(
            "failed",
            newest.get("name") or newest["id"]
            if count == 1
            else t("troubles.poison_of", count=exact(count), kind=kind),
            t("troubles.poison_one", kind=kind) if count == 1 else t("troubles.poison"),
            t("troubles.poison_one_advice") if count == 1 else t("troubles.poison_advice"),
            cures=(
                Cure(
                    "/console/failures/retry",
                    t("failures.retry", count=exact(count)),
                    fields,
                    ApiCall("POST", at("jobs", "retry"), body=fields),
                ),
                Cure(
                    "/console/failures/delete",
                    t("failures.delete", count=exact(count)),
                    fields,
                    ApiCall("POST", at("jobs", "deletion"), body=fields),
                    t("failures.delete_question", count=exact(count), kind=kind, code=group["code"]),
                ),
            ),
            links=((f"/console/jobs/{newest['id']}", t("troubles.open_job")),)
            if count == 1
            else (
                (f"/console/jobs/{newest['id']}", t("troubles.open_newest")),
                (jobs_url(**criteria), t("troubles.open_jobs")),
            ),
            key=f"poison {kind}",
        )


def criteria_of(group: Found, owner: str | None, *, is_cut: bool = False) -> dict[str, str]:
    """What lists the jobs of a group of failures, and what a bulk action takes.

    Args:
        group: The group, of `GET /v1/failures`.
        owner: Whose jobs they are, `*` for everyone's; None for the visitor's own.
        is_cut: Whether there are older failures that were not looked at: then the group begins with its oldest job,
            so that its count is true.
    """
    criteria = {"state": "failed", "kind": group["kind"], "code": group["code"]}
    if is_cut:
        criteria["since"] = group["oldest_at"]
    return criteria | ({"owner": owner} if owner else {})


def of_alerts(alerts: Iterable[Found], ended: int, t: Text) -> Iterator[Trouble]:
    """The alerts that hold, but for those of queues, which `of_queues` names earlier.

    Args:
        alerts: Of `GET /v1/alerts`.
        ended: How many succeeded jobs of all owners there are, which may be deleted.
        t: The texts.
    """
    for alert in alerts:
        code, subject, message = alert["code"], alert["subject"], alert["message"]
        if code == "redis_full":
            yield _redis_full(alert, ended, t)
        elif code == "failure_rate":
            link = ("/console/failures", t("troubles.open_failures"))
            text = t("troubles.failure_rate", share=round(100 * alert["value"]), limit=round(100 * alert["limit"]))
            yield Trouble("failed", subject, text, links=(link,), key=f"failure_rate {subject}")
        elif code == "endpoint_failing":
            owner = alert.get("owner")
            page = f"/console/webhooks/{subject}?{query_text({'owner': owner})}"
            yield Trouble(
                "retrying",
                subject,
                message,
                cures=(unpark_of(subject, owner, t),),
                links=((page, t("troubles.open_endpoint")),),
                key=f"endpoint {subject}",
            )
        elif code not in ("no_worker", "queue_age"):
            yield Trouble("failed", subject, message, key=f"{code} {subject}")


def _redis_full(alert: Found, ended: int, t: Text) -> Trouble:
    body = {"state": "succeeded", "owner": "*", "expect": ended}
    delete = Cure(
        "/console/cures/ended",
        t("troubles.delete_ended", count=exact(ended)),
        {"expect": ended},
        ApiCall("POST", at("jobs", "deletion"), body=body),
        t("troubles.delete_ended_question", count=exact(ended)),
    )
    text = t("troubles.redis_full", percent=f"{alert['value']:.3g}", limit=f"{alert['limit']:.3g}")
    return Trouble("failed", "Redis", text, t("troubles.redis_advice"), cures=(delete,), key="redis")


def of_own_jobs(jobs: Iterable[Found], t: Text) -> Iterator[Trouble]:
    """Why an owner's jobs wait, for those who do not see the queues. jobs: with `waiting_for`."""
    found: Counter[tuple[str, str]] = Counter()
    for job in jobs:
        for reason in job.get("waiting_for", ())[:1]:
            if reason["reason"] in WAITS_FOR_OPERATORS:
                found[reason["reason"], job["queue"]] += 1
    for (reason, queue), count in found.items():
        link = (jobs_url(queue=queue, state="queued"), t("troubles.open_jobs"))
        text = t(f"troubles.own_{reason}", count=exact(count))
        yield Trouble("retrying", queue, text, t("troubles.ask_operators"), links=(link,), key=f"queue {queue}")


def once_each(troubles: Iterable[Trouble]) -> list[Trouble]:
    """One trouble of each key, those that stop work first."""
    kept: dict[str, Trouble] = {}
    for trouble in troubles:
        kept.setdefault(trouble.key, trouble)
    return sorted(kept.values(), key=lambda one: one.state != "failed")
