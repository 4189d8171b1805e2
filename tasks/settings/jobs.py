"""Settings of schedules, of the sandbox and of jobs."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, NonNegativeInt, field_validator
from pydantic_settings import NoDecode

from tasks.settings.units import DAY_S, HOUR_S

MAX_RESERVED_MB = 256
"""Of SANDBOX_RESERVED_MB where it is not set: enough for a photo of a phone in any format."""


class JobSettings(BaseModel):
    """How many jobs run at once, what each may take, and how long they are kept."""

    # Schedules
    max_schedules: int = Field(100, gt=0, description="Schedules of one owner.")
    keep_runs_s: int = Field(
        28 * DAY_S,
        gt=0,
        le=28 * DAY_S,
        description="Seconds for which a schedule's last thirty runs are kept, if their outcome does not keep them longer.",
    )

    # The sandbox
    sandbox_children: int = Field(
        0,
        ge=0,
        description="Sandbox calls that one worker runs at once, each in a child process; 0 is one per processor core. One more may run for an owner that has none running.",
    )
    sandbox_seconds: float = Field(
        60, gt=0, description="Seconds that one call may take in the sandbox before it is killed."
    )
    sandbox_memory_mb: int = Field(
        2048,
        gt=0,
        description="Megabytes of address space that one call may take in the sandbox, in addition to the code it runs.",
    )
    sandbox_budget_mb: int = Field(
        1280,
        gt=0,
        description="Megabytes that all sandbox calls at once are expected to take; further calls wait, and a picture that alone would take more is refused. 300 suits a 512 MB dyno.",
    )
    sandbox_reserved_mb: int | None = Field(
        None,
        ge=0,
        description="Megabytes of SANDBOX_BUDGET_MB that only an owner may use that has no other sandbox call running, so that a single picture does not wait for many large ones of another owner; one that needs more than the rest has them too, when nothing else runs. 0 keeps none. Without it a fifth, at most 256; never more than half.",
    )
    sandbox_recycle_after: int = Field(100, gt=0, description="Calls after which a sandbox child is replaced.")

    @property
    def reserved_memory_mb(self) -> int:
        """SANDBOX_RESERVED_MB, or what follows from SANDBOX_BUDGET_MB."""
        if self.sandbox_reserved_mb is None:
            return min(self.sandbox_budget_mb // 5, MAX_RESERVED_MB)
        return min(self.sandbox_reserved_mb, self.sandbox_budget_mb // 2)

    # Pictures
    image_engine: Literal["auto", "vips", "pillow"] = Field(
        "auto",
        description="What draws pictures. `auto`: libvips, and Pillow for the formats and files that libvips does not read, or where libvips is not installed; `vips`: the same, but without libvips a job fails; `pillow`: Pillow, which has TIFF and AVIF files that it cannot read decoded by libvips, where that is installed.",
    )
    image_threads: int = Field(
        1,
        ge=1,
        le=64,
        description="Threads that libvips draws one picture with. One is the least work in all. The files of a picture are encoded side by side besides, on all cores, if nothing else runs in the sandbox when it begins.",
    )

    image_presets: Annotated[dict[str, Any], NoDecode] = Field(
        {},
        description="Presets of variants that all owners have: a JSON object of names and lists of variants, or the path of a file with one. It may replace `default` and `avatar`.",
    )
    reuse_renders_s: int = Field(
        1 * DAY_S,
        ge=0,
        description="Seconds for which the files of a picture job are used again for the same picture and variants, if the job and they are still there; 0 draws every time.",
    )
    share_renders: bool = Field(
        False,
        description="`1` uses them for other owners too. The time that a job takes then tells whether someone else has submitted the same picture.",
    )

    # Jobs
    media_concurrency: int = Field(5, ge=1, description="Jobs of the queue `media` that one worker runs at once.")
    reports_concurrency: int = Field(2, ge=1, description="Jobs of the queue `reports` that one worker runs at once.")
    webhooks_concurrency: int = Field(
        400, ge=1, description="Jobs of the queue `webhooks` that one worker runs at once."
    )
    default_concurrency: int = Field(50, ge=1, description="Jobs of the queue `default` that one worker runs at once.")
    service_concurrency: int = Field(
        10,
        ge=1,
        description="Jobs of the service's own work (events, bulk actions, alerts, cleanup) that one worker of the queue `default` runs at once beside DEFAULT_CONCURRENCY; a pause of the queue does not hold them back.",
    )
    shutdown_grace_s: float = Field(
        25,
        ge=0,
        description="Seconds that running jobs and requests may continue after SIGTERM. Then jobs are handed back and connections closed.",
    )
    loop_stall_s: float = Field(
        60,
        gt=0,
        description="Seconds that a function may hold up the event loop of its worker. After that the worker ends with status 70, and its jobs run again elsewhere.",
    )
    owner_max_running: Literal["auto"] | NonNegativeInt = Field(
        "auto",
        description="Jobs of one owner that may run at once in one queue; 0 is no cap. `auto` is half of the slots of all workers, at least one, while another owner was active in the queue in the last ten minutes; otherwise it is no cap, but one slot of the queue `media` is left for others. Deliveries have OWNER_MAX_DELIVERIES.",
    )
    keep_usage_days: int = Field(
        400, ge=1, le=800, description="Days for which it is kept what each owner has used on a day (`GET /v1/usage`)."
    )
    keep_succeeded_s: int = Field(1 * DAY_S, gt=0, description="Seconds that a succeeded job and its files are kept.")
    keep_failed_s: int = Field(7 * DAY_S, gt=0, description="Seconds that a failed job is kept.")
    keep_cancelled_s: int = Field(1 * DAY_S, gt=0, description="Seconds that a cancelled job is kept.")
    keep_deliveries_s: int = Field(
        7 * DAY_S, gt=0, description="Seconds for which a delivery is kept after its end, if it did not succeed."
    )
    keep_succeeded_deliveries_s: int = Field(
        1 * DAY_S,
        gt=0,
        description="Seconds for which a delivery that succeeded is kept, at most `KEEP_DELIVERIES_S`.",
    )
    keep_missed_s: int = Field(
        3 * DAY_S,
        ge=0,
        le=7 * DAY_S,
        description="Seconds for which an event is kept that a disabled endpoint missed, for a recovery; 0 keeps none.",
    )
    keep_uploads_s: int = Field(
        1 * DAY_S,
        gt=0,
        description="Seconds for which an upload can be used; files that a job needs are kept as long as the job.",
    )
    cleanup_grace_s: int = Field(
        3 * HOUR_S,
        ge=HOUR_S,
        description="Seconds for which the cleanup keeps a file without a user: a job may be about to use it.",
    )
    deletion_grace_s: int = Field(
        300,
        ge=60,
        description="Seconds for which the files of a deleted job, upload or schedule stay in the storage, if nothing else needs them: another job may be about to use the same bytes.",
    )
    keep_snapshots: int = Field(
        14,
        ge=1,
        description="Snapshots of endpoints and schedules that the nightly cleanup keeps in the storage, one a day.",
    )
    tombstone_s: int = Field(
        1 * DAY_S, ge=0, description="Seconds for which an expired job answers 410 before it is unknown."
    )
    history: Literal["off", "storage"] = Field(
        "off",
        description="`storage` moves the record of an ended job from Redis into the storage when its time in Redis (`KEEP_…_S`) is over. Lists do not have it any more, but it is still answered by id. A job with `keep` leaves a day after its end, and has its files as long as it is kept. Set it for web and worker processes alike.",
    )
    keep_history_s: int = Field(
        30 * DAY_S, gt=0, description="Seconds for which a record is kept in the storage after it has left Redis."
    )
    history_patience_s: int = Field(
        3 * DAY_S,
        gt=0,
        description="With `HISTORY=storage`, seconds for which Redis keeps a record beyond its time while the storage is away, before it is lost.",
    )
    idempotency_s: int = Field(1 * DAY_S, gt=0, description="Seconds for which an Idempotency-Key is remembered.")

    @field_validator("image_presets", mode="before")
    @classmethod
    def _read_presets(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        text = value.strip()
        try:
            if text and not text.startswith("{"):
                text = Path(text).read_text(encoding="utf-8")
            return json.loads(text or "{}")
        except (OSError, ValueError) as error:
            raise ValueError(
                f"IMAGE_PRESETS is neither a JSON object nor the path of a file with one: {error}"
            ) from None
