"""What the demo shows of operations: progress, a cancellation, a cleanup."""

import json
from collections.abc import Iterator
from typing import Any

import httpx

ROWS = 60_000
MANY_ROWS = 900_000


def table(rows: int) -> bytes:
    """A CSV of so many sales."""
    lines = (f"2026-11-{1 + n % 28:02},shop {n % 40},{n % 997}.{n % 100:02}\n" for n in range(rows))
    return ("day,shop,amount\n" + "".join(lines)).encode()


def submit(client: httpx.Client, rows: int, title: str) -> str:
    """The id of the job that makes a report of so many rows."""
    answer = client.post(
        "/v1/reports",
        params={"title": title, "types": "day:date,amount:money", "formats": "pdf"},
        content=table(rows),
        headers={"Content-Type": "text/csv"},
    )
    job_id: str = answer.raise_for_status().json()["id"]
    return job_id


def follow(client: httpx.Client, job_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The job's events by name, as the server sends them, until it has ended."""
    with client.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
        answer.raise_for_status()
        name = ""
        for line in answer.iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, json.loads(value)


def clean_up(client: httpx.Client, **asked: bool) -> dict[str, Any]:
    """What a cleanup did, or with `dry_run` would do."""
    job = client.post("/v1/cleanup", json=asked).raise_for_status().json()
    ended: dict[str, Any] = client.get(f"/v1/jobs/{job['id']}", params={"wait": 20}).raise_for_status().json()
    return ended
