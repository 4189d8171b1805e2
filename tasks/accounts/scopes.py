"""Scopes: what an API key may do."""

from typing import Final

ADMIN: Final = "admin"
KEYS: Final = "keys"

SCOPES: Final[dict[str, str]] = {
    "images": "Submit pictures, upload files, and read and change presets.",
    "reports": "Submit and validate reports, and upload files.",
    "webhooks": "Publish events, listen to them, and read and change endpoints and deliveries.",
    "jobs:read": "Read jobs, batches and schedules, follow jobs, and download their files.",
    "jobs:write": "Submit jobs of your own kinds and batches, change schedules, and cancel, retry and delete jobs.",
    KEYS: "Read, create, rotate and revoke the keys of the same owner.",
    ADMIN: "Act for every owner, and operate the service: queues, workers, cleanup, owners and their keys.",
}
"""scope -> what a key with it may do. A route names the scope that it needs (`api.http.access.scopes`)."""

JOBS_WRITE: Final = "jobs:write"
KIND_SCOPES: Final = {"thumbnail": "images", "report": "reports", "event": "webhooks"}
"""kind of job → the scope that its own endpoint needs, and so what submits such jobs; other kinds need JOBS_WRITE."""

ALL_SCOPES: Final = frozenset(SCOPES)
OWN_SCOPES: Final = ALL_SCOPES - {ADMIN}
"""All that an owner may do with what is its own."""
