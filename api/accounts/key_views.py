"""API keys as the API shows and takes them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool

from tasks import clock
from tasks.accounts.key_record import KeyRecord, KeyState
from tasks.accounts.key_store import NewKey
from tasks.accounts.lifetimes import LIFETIME
from tasks.settings.owners import OWNER

EXAMPLE_KEY = "0123456789abcdef"
NAME_CHARS = 80
GRACE = "24h"
ScopeName = Literal["images", "reports", "webhooks", "jobs:read", "jobs:write", "keys", "admin"]
"""Those of `tasks.accounts.scopes.SCOPES`."""


def _once_each(scopes: list[ScopeName]) -> list[ScopeName]:
    return list(dict.fromkeys(scopes))


Expires = Annotated[
    str | None,
    Field(
        pattern=LIFETIME,
        description="How long the key lives: a number and `s`, `m`, `h` or `d`. Without it, as long as the key with "
        "which it is made; for ever if that one does, or for an admin.",
        examples=["90d"],
    ),
]


class KeyRequest(BaseModel):
    """A new key."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=NAME_CHARS, description="What you call it.", examples=["ci"])
    scopes: Annotated[list[ScopeName], Field(min_length=1, max_length=20), AfterValidator(_once_each)] = Field(
        description="What it may do; docs/accounts.md lists the scopes. Unless you are an admin, your key must have "
        "them all."
    )
    read_only: StrictBool = Field(False, description="Whether it may send GET and HEAD only.")
    expires: Expires = None
    owner: str | None = Field(
        None, pattern=OWNER, description="Whose key it is; you without it. Only admins may name another owner."
    )


class RotationRequest(BaseModel):
    """How a key is replaced."""

    model_config = ConfigDict(extra="forbid")

    grace: str = Field(
        GRACE,
        pattern=LIFETIME,
        description="How long the old key lives on, unless it ends earlier.",
        examples=["24h"],
    )
    expires: Expires = None


class ApiKey(BaseModel):
    """An API key. The key itself is shown once, when it is made."""

    id: str = Field(description="Its id, which is no secret.", examples=[EXAMPLE_KEY])
    owner: str = Field(description="Whose things it opens.")
    name: str = Field(description="What its owner calls it.")
    scopes: list[str] = Field(description="What it may do.")
    read_only: bool = Field(description="Whether it may send GET and HEAD only.")
    state: KeyState = Field(description="Whether it opens anything now.")
    created_at: datetime = Field(description="When it was made.")
    made_by: str = Field(
        description="The id of the key with which it was made; `setting:<owner>` for a key of API_KEYS, `cli` for the "
        "command, `open` in the open mode of development."
    )
    expires_at: datetime | None = Field(None, description="When it ends. Absent if it does not.")
    revoked_at: datetime | None = Field(None, description="When it was revoked.")
    last_used_at: datetime | None = Field(None, description="When it was last used, to about two minutes.")
    replaces: str | None = Field(None, description="The id of the key that it replaces.")


class ApiKeys(BaseModel):
    """All keys of an owner."""

    keys: list[ApiKey] = Field(description="The newest first. Those that ended in the last 30 days are among them.")


class ApiKeyWithSecret(ApiKey):
    """A key that was just made."""

    key: str = Field(description="The key: send it as `Authorization: Bearer <key>`. It is not shown again.")
    old_key_ends_at: datetime | None = Field(None, description="When the key that it replaces ends.")


def view_of(record: KeyRecord) -> ApiKey:
    """A key as the API shows it."""
    return ApiKey(
        id=record.id,
        owner=record.owner,
        name=record.name,
        scopes=sorted(record.scopes),
        read_only=record.read_only,
        state=record.state,
        created_at=clock.from_ms(record.created_at),
        made_by=record.made_by,
        expires_at=clock.maybe_from_ms(record.expires_at),
        revoked_at=clock.maybe_from_ms(record.revoked_at),
        last_used_at=clock.maybe_from_ms(record.last_used_at),
        replaces=record.replaces,
    )


def new_view_of(made: NewKey) -> ApiKeyWithSecret:
    """A key that was just made, with the key itself."""
    view = view_of(made.record)
    return ApiKeyWithSecret(**view.model_dump(), key=made.key, old_key_ends_at=clock.maybe_from_ms(made.old_ends))
