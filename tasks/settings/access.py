"""Settings of the audit log and of what slows down those who try keys."""

from pydantic import BaseModel, Field

from tasks.settings.units import DAY_S


class AccessSettings(BaseModel):
    """How many wrong keys are answered, and how long it is known who did what."""

    # Keys in Redis
    max_keys: int = Field(
        200,
        gt=0,
        description="API keys of one owner in Redis, at most, those that ended in the last 30 days included.",
    )
    console_session_s: int = Field(
        43_200,
        ge=300,
        le=2_592_000,
        description="Seconds for which a browser stays signed in to the console after its last page. It ends earlier with the API key.",
    )
    console_session_max_s: int = Field(
        604_800,
        ge=300,
        le=31_536_000,
        description="Seconds after signing in to the console until one has to sign in again, however often pages are looked at.",
    )
    account_cache_s: float = Field(
        30,
        gt=0,
        le=30,
        description="Seconds for which a web process uses what it has read of an API key, also while Redis is away: a revoked key is refused within this time at the latest, and usually at once.",
    )
    key_use_s: float = Field(
        60, gt=0, description="Seconds between two notes of when a key was last used, by each web process."
    )

    # Wrong keys
    wrong_keys_per_minute: int = Field(
        30,
        gt=0,
        description="Wrong keys per minute from one address (IPv6: from one /64 network) that one web process answers 401; further ones answer 429. A right key works at any time.",
    )
    wrong_keys_all_per_minute: int = Field(3_000, gt=0, description="The same from all addresses together.")

    # The audit log
    keep_audit_s: int = Field(
        365 * DAY_S, gt=0, description="Seconds for which a line of the audit log is kept; the cleanup removes it."
    )
    audit_wrong_keys_per_minute: int = Field(
        30,
        gt=0,
        description="Lines about requests without a valid key that one web process writes into the audit log in a minute, whatever addresses they come from; the others are left out.",
    )
    audit_max_lines: int = Field(
        10_000,
        ge=100,
        description="Lines of the audit log about changes, and of that about refused tries and reads, each; the oldest leave first. A line takes some 250 bytes of Redis, at most 3 KB.",
    )
