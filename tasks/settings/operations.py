"""Settings of alerts, metrics, logs and the process."""

import re
from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, SecretStr, ValidationInfo, field_validator

from tasks.settings.units import HOUR_S


def _commit(value: object) -> object:
    """A commit, or nothing: what a platform writes in another form is no reason not to start."""
    return value if isinstance(value, str) and re.fullmatch(r"[\w.-]{1,64}", value, re.ASCII) else None


class OperationSettings(BaseModel):
    """What operators see of the service, and how its processes run."""

    # Metrics and alerts
    metrics_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="A separate key for `/metrics`, which shows only counts of jobs; an admin's key works too.",
    )
    alert_window_s: int = Field(
        600, ge=60, le=HOUR_S, description="Seconds over which the failures of a queue are counted for an alert."
    )
    alert_failure_rate: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Share of failed jobs among those that ended in a queue, from which on it is an alert.",
    )
    alert_min_ended: int = Field(20, ge=1, description="Fewest ended jobs of a queue for an alert about failures.")
    alert_queue_age_s: int = Field(
        300, gt=0, description="Seconds that a job which could start may wait before there is an alert about its queue."
    )
    alert_no_worker_s: int = Field(
        60, ge=0, description="Seconds that a job which could start may wait in a queue that no worker serves."
    )
    alert_storage_s: int = Field(
        60, ge=0, description="Seconds that the storage may not work for a worker before there is an alert."
    )
    alert_endpoint_s: int = Field(
        900, gt=0, description="Seconds of failures without a success after which an endpoint's owner is alerted."
    )

    readiness_kept_s: float = Field(
        2, ge=0, description="Seconds for which the response of `/readyz` is kept, so that many callers cost one check."
    )

    # The process
    environment: str | None = Field(
        None,
        max_length=30,
        description="What the console calls this installation on each page, such as `production`, so that no one mistakes it for another.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least urgent log lines to write."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="`auto` writes text to a terminal and JSON elsewhere."
    )
    otel_exporter_otlp_endpoint: str | None = Field(
        None,
        description="Where OpenTelemetry spans are sent, as OTLP over HTTP: `http://collector:4318`. Without it there are none. The SDK's other settings (`OTEL_…`) apply too.",
    )
    platform_stop_s: float = Field(
        30,
        gt=0,
        description="Seconds after SIGTERM at which the platform kills a process. DRAIN_S and SHUTDOWN_GRACE_S must fit in together.",
    )
    drain_s: float = Field(
        0,
        ge=0,
        description="Seconds for which the web process still accepts requests after SIGTERM, while `/readyz` answers 503; SHUTDOWN_GRACE_S begins afterwards.",
    )
    commit: Annotated[str | None, BeforeValidator(_commit)] = Field(
        None,
        validation_alias=AliasChoices(
            "source_version",
            "heroku_slug_commit",
            "heroku_build_commit",
            "render_git_commit",
            "railway_git_commit_sha",
        ),
        description="The commit that was deployed, for `/version` and the metric `pressroom_build_info`. Platforms set it.",
    )
    dev: bool = Field(
        False,
        description="`1` for development on your own machine, as `bin/dev` sets it. Without it no process starts without SECRET_KEY and STORAGE_URL, and without any key every request is refused.",
    )
    dyno: str | None = Field(
        None, description="Set by Heroku and similar platforms; where it is set, local storage and DEV are refused."
    )

    @field_validator("dyno")
    @classmethod
    def _no_development(cls, dyno: str | None, info: ValidationInfo) -> str | None:
        if dyno is not None and info.data.get("dev"):
            raise ValueError("DEV=1 is for development on your own machine; remove DEV where DYNO is set")
        return dyno
