"""Settings of the audit log and of what slows down those who try keys."""

from pydantic import BaseModel, Field

from tasks.settings.units import DAY_S


class AccessSettings(BaseModel):
    """How long it is known who did what."""

    # The audit log
    keep_audit_s: int = Field(
        365 * DAY_S, gt=0, description="Seconds for which a line of the audit log is kept; the cleanup removes it."
    )
    audit_max_lines: int = Field(
        10_000,
        ge=100,
        description="Lines of the audit log about changes, and of that about refused tries and reads, each; the oldest leave first. A line takes some 250 bytes of Redis, at most 3 KB.",
    )
