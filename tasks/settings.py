"""Every setting, with its unit and default, read from the environment once per process."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tasks.validation import faults_of

MiB = 1024 * 1024
HOUR_S = 3600
DAY_S = 24 * HOUR_S
SECRET_KEY_CHARS = 32
SYSTEM = "system"
"""The owner of jobs that came in through ARQ's keys, or by a schedule."""
OPEN_OWNER = "dev"
"""Who everyone is in the open development mode."""
STATE_NAMES = ("scheduled", "queued", "running", "retrying", "succeeded", "failed", "cancelled")
TAKEN_NAMES = frozenset((*STATE_NAMES, "batch", "event", "endpoint", "schedule"))
"""No owner's: Redis' keys have owners where they have states, or what else is kept."""


class Settings(BaseSettings):
    """The one settings object. Names are the environment's, in lower case; the description of each field is its
    documentation."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True)

    # Redis
    redis_url: SecretStr = Field(
        SecretStr("redis://localhost:6379/0"),
        description="Where Redis (≥ 6.2) or Valkey is: `redis://`, `rediss://` (TLS) or `unix://`; percent-encode what is odd in a password.",
    )
    redis_ssl_cert_reqs: Literal["required", "none"] = Field(
        "required",
        description="`none` accepts the self-signed certificate chains of hosted Redis plans such as Heroku's.",
    )
    redis_max_connections: int = Field(20, ge=4, description="Connections to Redis of one process, at most.")

    # Files
    storage_url: str = Field(
        "file://./data/storage",
        description="Where files are: `file://folder`, `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`, `memory://`.",
    )
    storage_endpoint: str | None = Field(
        None,
        validation_alias=AliasChoices("storage_endpoint", "aws_endpoint_url_s3"),
        description="Address of an S3-compatible server that is not Amazon's.",
    )

    # Who may ask
    api_keys: Annotated[tuple[tuple[str, SecretStr], ...], NoDecode] = Field(
        (),
        description="`owner:key,owner:key`: who may use the API; an owner may have several keys. Empty is the open development mode: everyone is `dev`.",
    )
    admins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="`owner,owner`: who may see and stop the jobs of every owner, and pause and run the schedules that come with the service. In the open development mode `dev` may.",
    )

    # Kinds of your own
    kinds: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="`package.module:NAME,…`: kinds of jobs from your own packages, beside those of installed packages with an entry point in `pressroom.kinds`. NAME is a Kind, or a list of them.",
    )

    # Limits of one request
    max_upload_bytes: int = Field(50 * MiB, gt=0, description="Bytes of one uploaded picture.")
    max_files_per_request: int = Field(20, gt=0, description="Files in one multipart request.")
    max_wait_s: float = Field(
        25, ge=0, le=25, description="Seconds that a request may wait for a job; routers cut at 30."
    )
    max_delay_s: int = Field(
        30 * DAY_S, ge=0, description="Seconds by which a job may be put off with `delay` or `run_at`."
    )
    events_heartbeat_s: float = Field(
        15, gt=0, le=25, description="Seconds of silence after which a stream of events says that it lives."
    )
    max_params_bytes: int = Field(16 * 1024, gt=0, description="Bytes of one job's parameters as JSON.")
    max_waiting_jobs: int = Field(200_000, gt=0, description="Jobs that one queue holds before submits answer 429.")

    # Limits of a picture
    max_pixels: int = Field(100_000_000, gt=0, description="Pixels (width × height) of a picture.")
    max_side_px: int = Field(30_000, gt=0, description="Pixels of a picture's longer side.")
    max_frames: int = Field(1_000, gt=0, description="Frames of an animation (the first is used).")
    max_jpeg_scans: int = Field(
        100, gt=0, description="Scans of a progressive JPEG; each costs a pass over the whole picture."
    )

    # Limits of a report
    max_dataset_bytes: int = Field(500 * MiB, gt=0, description="Bytes of one upload, or of a table sent as it is.")
    max_spec_bytes: int = Field(5 * MiB, gt=0, description="Bytes of a report's JSON spec.")
    max_report_rows: int = Field(1_000_000, gt=0, description="Rows of one table of a report.")
    max_report_cells: int = Field(20_000_000, gt=0, description="Cells (rows × columns) of one table of a report.")
    max_cell_chars: int = Field(10_000, gt=0, description="Characters of one cell.")
    max_report_pages: int = Field(40_000, gt=0, description="Pages of one report.")
    report_seconds: float = Field(
        600, gt=0, le=1500, description="Seconds that making one report may take in the sandbox before it is killed."
    )
    report_memory_mb: int = Field(
        200,
        gt=0,
        description="Megabytes that one report is expected to take; SANDBOX_BUDGET_MB says how many run at once.",
    )

    # Webhooks, and what else goes out
    secret_key: SecretStr | None = Field(
        None,
        description="Seals the secrets of endpoints in Redis; 32 random characters or more. `new,old` while it is being changed.",
    )
    outbound_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (),
        description="Networks that may be spoken to though they are not public, such as `127.0.0.0/8,::1/128` for development. Metadata addresses never.",
    )
    outbound_http: bool = Field(False, description="Whether addresses without TLS (`http://`) may be spoken to.")
    dns_timeout_s: float = Field(3, gt=0, description="Seconds for which a name may be looked up.")
    connect_timeout_s: float = Field(5, gt=0, description="Seconds that a connection may take, TLS included.")
    delivery_timeout_s: float = Field(
        15, gt=0, le=60, description="Seconds from the first step of a delivery to the last byte of its answer."
    )
    import_timeout_s: float = Field(
        60,
        gt=0,
        le=240,
        description="Seconds from the first step of fetching a picture by its address to its last byte.",
    )
    max_event_bytes: int = Field(256 * 1024, gt=0, description="Bytes of one event as JSON.")
    max_endpoints: int = Field(10_000, gt=0, description="Endpoints of one owner.")
    endpoint_max_in_flight: int = Field(
        10, ge=1, description="Deliveries to one endpoint at once, of all workers; an endpoint may ask for fewer."
    )
    owner_max_deliveries: int = Field(
        200,
        ge=0,
        description="Deliveries of one owner at once, of all workers; 0 is no cap. WEBHOOKS_CONCURRENCY is a worker's.",
    )
    breaker_failures: int = Field(
        5, ge=1, description="Failures in a row after which an endpoint is left alone for a while."
    )
    breaker_pause_s: float = Field(
        30, gt=0, description="Seconds for which a failing endpoint is left alone; they double with every failed probe."
    )
    breaker_max_pause_s: float = Field(600, gt=0, description="Seconds for which it is left alone at most.")
    disable_after_s: int = Field(
        5 * DAY_S, gt=0, description="Seconds of nothing but failure after which an endpoint is disabled."
    )
    secret_overlap_s: int = Field(
        1 * DAY_S, ge=0, le=7 * DAY_S, description="Seconds for which an old secret still signs beside the new one."
    )

    # Schedules
    max_schedules: int = Field(100, gt=0, description="Schedules of one owner.")
    keep_runs_s: int = Field(
        28 * DAY_S,
        gt=0,
        le=28 * DAY_S,
        description="Seconds for which a schedule's last thirty runs are kept, where their outcome keeps them no longer.",
    )

    # The sandbox
    sandbox_children: int = Field(
        0, ge=0, description="Sandbox children of one worker, at most; 0 is one per processor core."
    )
    sandbox_seconds: float = Field(
        60, gt=0, description="Seconds one piece of work may take in the sandbox before it is killed."
    )
    sandbox_memory_mb: int = Field(
        2048,
        gt=0,
        description="Megabytes of address space that one piece of work may take in the sandbox, on top of the code it runs.",
    )
    sandbox_budget_mb: int = Field(
        1024,
        gt=0,
        description="Megabytes that all pieces of work at once may be expected to take; more wait their turn. 300 suits a 512 MB dyno.",
    )
    sandbox_recycle_after: int = Field(100, gt=0, description="Pieces of work after which a sandbox child is replaced.")

    # Jobs
    media_concurrency: int = Field(4, ge=1, description="Jobs of the queue `media` that one worker runs at once.")
    reports_concurrency: int = Field(2, ge=1, description="Jobs of the queue `reports` that one worker runs at once.")
    webhooks_concurrency: int = Field(
        400, ge=1, description="Jobs of the queue `webhooks` that one worker runs at once."
    )
    default_concurrency: int = Field(50, ge=1, description="Jobs of the queue `default` that one worker runs at once.")
    shutdown_grace_s: float = Field(
        25, ge=0, description="Seconds that running jobs may go on after SIGTERM before they are handed back."
    )
    owner_max_running: int = Field(
        0, ge=0, description="Jobs of one owner that may run at once in one queue; 0 is no cap."
    )
    keep_succeeded_s: int = Field(1 * DAY_S, gt=0, description="Seconds that a succeeded job and its files are kept.")
    keep_failed_s: int = Field(7 * DAY_S, gt=0, description="Seconds that a failed job is kept.")
    keep_cancelled_s: int = Field(1 * DAY_S, gt=0, description="Seconds that a cancelled job is kept.")
    keep_deliveries_s: int = Field(
        7 * DAY_S, gt=0, description="Seconds for which a delivery is kept after its end, whatever the end."
    )
    keep_uploads_s: int = Field(
        1 * DAY_S, gt=0, description="Seconds for which an upload can be used; what a job needs is kept as long as it."
    )
    cleanup_grace_s: int = Field(
        3 * HOUR_S,
        ge=HOUR_S,
        description="Seconds for which the cleanup spares a file that nobody seems to need: somebody may be about to.",
    )
    tombstone_s: int = Field(
        1 * DAY_S, ge=0, description="Seconds for which an expired job answers 410 before it is unknown."
    )
    idempotency_s: int = Field(1 * DAY_S, gt=0, description="Seconds for which an Idempotency-Key is remembered.")

    # For those who look after it
    metrics_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="A key of its own for `/metrics`, which says nothing of anybody's jobs but how many; an admin's key opens it too.",
    )
    alert_window_s: int = Field(
        600, ge=60, le=HOUR_S, description="Seconds over which the failures of a queue are counted for an alert."
    )
    alert_failure_rate: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Share of the jobs that ended in a queue which failed, from which on it is an alert.",
    )
    alert_min_ended: int = Field(
        20, ge=1, description="Jobs of a queue that have to have ended before their failures make an alert."
    )
    alert_queue_age_s: int = Field(
        300, gt=0, description="Seconds that a job which could start may wait before its queue makes an alert."
    )
    alert_no_worker_s: int = Field(
        60, ge=0, description="Seconds that a job which could start may wait where no worker serves its queue."
    )
    alert_endpoint_s: int = Field(
        900, gt=0, description="Seconds for which an endpoint may do nothing but fail before its owner is alerted."
    )

    # The process
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least urgent log lines to write."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="`auto` writes text to a terminal and JSON elsewhere."
    )
    otel_exporter_otlp_endpoint: str | None = Field(
        None,
        description="Where OpenTelemetry spans are sent, as OTLP over HTTP: `http://collector:4318`. None are made without it. The SDK's other settings (`OTEL_…`) are heeded too.",
    )
    public_url: str | None = Field(
        None, description="The address the world knows this service by, if it is not the one in the request."
    )
    dyno: str | None = Field(None, description="Set by Heroku and its like; where it is set, local storage is refused.")

    @property
    def operators(self) -> tuple[str, ...]:
        """The owners who look after the service: ADMINS; in the open development mode everyone, who is `dev`."""
        return self.admins if self.api_keys else (OPEN_OWNER,)

    @field_validator("outbound_networks", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
        except ValueError:
            raise ValueError("write OUTBOUND_NETWORKS as network,network, each like 127.0.0.0/8") from None

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().strip():
            return None  # as in an .env that was copied and left blank
        if value is not None and any(
            len(part.strip()) < SECRET_KEY_CHARS for part in value.get_secret_value().split(",")
        ):
            raise ValueError(f"a SECRET_KEY has at least {SECRET_KEY_CHARS} characters; openssl rand -hex 32 makes one")
        return value

    @field_validator("admins", "kinds", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @field_validator("api_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        keys: list[tuple[str, str]] = []
        for pair in filter(None, (part.strip() for part in value.split(","))):
            owner, colon, key = pair.partition(":")
            if not colon or not owner.replace("-", "").replace("_", "").isalnum() or len(key) < 16:
                raise ValueError(
                    "write API_KEYS as owner:key,owner:key; an owner is letters, digits, - and _; a key has at least 16 characters"
                )
            if owner == SYSTEM:
                raise ValueError(f"{SYSTEM!r} is the owner of jobs that nobody sent; choose another name")
            if owner in TAKEN_NAMES:
                raise ValueError(f"{owner!r} means something else in the service's keys; choose another name")
            if key in (other for _, other in keys):
                raise ValueError(f"the key of {owner!r} is also another owner's; give each its own")
            keys.append((owner, key))
        return keys


def load() -> Settings:
    """The settings of this process.

    Raises: ValueError, one line that names the variable, says what to write, and does not repeat what was written.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = faults_of(error, whole="settings")[0]
        message = first.message.removeprefix(f"{first.field}: ").removesuffix(".")
        raise ValueError(f"{first.field.partition('.')[0].upper()}: {message}") from None
