"""Upload tokens: with one, a web page that has no API key uploads what its minter allows, so often, from one origin.

How often a token was used is counted by the script that accepts the upload (`lua/parts/owners/upload_tokens.lua`): an
upload that is refused uses up nothing, and an accepted one exactly one use, however many come at once.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from redis.asyncio import Redis

from tasks.accounts.tokens import token_text
from tasks.accounts.tokens.expiring_store import ExpiringStore
from tasks.queue.redis_keys import SECOND_MS
from tasks.queue.script import Script
from tasks.refusal import Refusal
from tasks.settings import Settings

ID_CHARS: Final = 32
"""Of the digest of a token, which is its id."""
SALT_BYTES: Final = 32

Target = Literal["images", "uploads"]


@dataclass(frozen=True, slots=True)
class UploadGrant:
    """What a minter allows.

    Attributes:
        origin: Of the page, such as `https://app.example.com`.
        target: Where it uploads: `images` makes a job at once, `uploads` stores the file for one.
        max_bytes: Bytes of one file.
        types: Media types that a file may have; empty is any.
        variants: JSON list of variants, or the name of a preset; None with `uploads`.
        uses: Uploads that the token is good for.
        metadata: JSON of what the minter notes on the job or upload.
        tags: By which the owner finds it.
    """

    origin: str
    target: Target
    max_bytes: int
    types: tuple[str, ...] = ()
    variants: str | None = None
    uses: int = 1
    metadata: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UploadToken:
    """An upload token as Redis holds it. Times are milliseconds since 1970.

    Attributes:
        id: 32 hex digits; it opens nothing.
        owner: Whose jobs it makes.
        key_id: The key that made it, with which it ends; None for keys of the settings.
        setting_key: The first 16 hex digits of the SHA-256 of that key, if it is one of the settings.
        grant: What it allows.
        used: Uploads that were accepted.
        salt: Of which the tokens of its jobs are made.
        created_at: When it was made.
        expires_at: When it ends.
    """

    id: str
    owner: str
    key_id: str | None
    grant: UploadGrant
    used: int
    salt: str
    created_at: int
    expires_at: int
    setting_key: str | None = None

    @property
    def minter(self) -> str:
        """The key that made it, as the records of its jobs have it: the tokens of these end with that key too."""
        return f"key:{self.key_id}" if self.key_id else f"setting:{self.setting_key or ''}"

    @property
    def place(self) -> tuple[int, str]:
        """By which tokens are in order: when it ends, and its id."""
        return self.expires_at, self.id

    @classmethod
    def from_hash(cls, token_id: str, fields: Mapping[bytes, bytes]) -> Self:
        """Build it from a non-empty Redis hash."""
        text = {name.decode(): value.decode() for name, value in fields.items()}
        return cls(
            id=token_id,
            owner=text["owner"],
            key_id=text.get("key"),
            grant=UploadGrant(
                origin=text["origin"],
                target="uploads" if text["target"] == "uploads" else "images",
                max_bytes=int(text["max_bytes"]),
                types=tuple(json.loads(text["types"])),
                variants=text.get("variants"),
                uses=int(text["uses"]),
                metadata=text.get("metadata"),
                tags=tuple(json.loads(text["tags"])),
            ),
            used=int(text.get("used", 0)),
            salt=text["salt"],
            created_at=int(text["created_at"]),
            expires_at=int(text["expires_at"]),
            setting_key=text.get("setting_key"),
        )


class UploadTokens(ExpiringStore[UploadToken]):
    """Makes, opens, lists and revokes them.

    Args:
        redis: Connection.
        settings: Their limits.
    """

    def __init__(self, redis: "Redis[bytes]", settings: Settings) -> None:
        super().__init__(redis, "upload", UploadToken.from_hash)
        self._settings = settings
        self._open = Script(redis, "accounts/open_upload_token")

    async def create(
        self, owner: str, key_id: str | None, grant: UploadGrant, *, seconds: int, setting_key: str | None = None
    ) -> tuple[str, UploadToken]:
        """Make a token.

        Args:
            owner: Whose jobs it makes.
            key_id: The key that asks for it.
            grant: What it allows.
            seconds: For how long it lives.
            setting_key: See `UploadToken`.

        Returns:
            The token, which is stored nowhere, and what Redis holds of it.

        Raises:
            Refusal: `too_many_upload_tokens`, `redis_full`.
        """
        token, salt = token_text.upload_token(), secrets.token_hex(SALT_BYTES)
        token_id, limit = _id_of(token), self._settings.owner_max_upload_tokens
        fields: dict[str, str | int | None] = {
            "digest": token_text.digest_of(token),
            "salt": salt,
            "key": key_id,
            "setting_key": setting_key,
            "origin": grant.origin,
            "target": grant.target,
            "max_bytes": grant.max_bytes,
            "types": json.dumps(grant.types),
            "variants": grant.variants,
            "uses": grant.uses,
            "metadata": grant.metadata,
            "tags": json.dumps(grant.tags),
        }
        now = await self._add(token_id, owner, fields, seconds=seconds, most=limit)
        if now is None:
            message = f"You have {limit} upload tokens, which is the limit. Revoke some, or make them shorter-lived."
            raise Refusal("too_many_upload_tokens", message, limit=limit)
        return token, UploadToken(token_id, owner, key_id, grant, 0, salt, now, now + seconds * SECOND_MS, setting_key)

    async def open(self, token: str, *, is_try: bool) -> UploadToken | None:
        """What a token is that a request has brought; None for one that is unknown, has expired or was revoked.

        Args:
            token: The token.
            is_try: Whether the request tries to upload: there is a limit on those.

        Raises:
            Refusal: `rate_limited`: too many uploads were tried with it.
        """
        if not token_text.is_whole(token):
            return None
        token_id, tries = _id_of(token), self._settings.upload_token_tries
        payload: dict[str, Any] = {"id": token_id, "digest": token_text.digest_of(token)}
        if is_try:
            payload["tries"] = tries
        match await self._open(payload):
            case {"answer": "open", "fields": fields}:
                flat = [value.encode(errors="surrogateescape") for value in fields]
                return UploadToken.from_hash(token_id, dict(zip(flat[::2], flat[1::2], strict=True)))
            case {"answer": "tired"}:
                message = (
                    f"Too many uploads were tried with this token, more than {tries} for each of its uses "
                    "(UPLOAD_TOKEN_TRIES). Ask for a new token."
                )
                raise Refusal("rate_limited", message, limit=tries)
        return None


def _id_of(token: str) -> str:
    return token_text.digest_of(token)[:ID_CHARS]
