"""Portal links: with one, a customer of an owner sees and changes the endpoints of one channel, in a browser.

The link has a token of which only the digest is stored. Opening it changes nothing; a click gives the browser a cookie
that names the link, which is looked up with each request: a link that is revoked ends at once.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from redis.asyncio import Redis

from tasks.accounts.tokens import token_text
from tasks.accounts.tokens.expiring_store import ExpiringStore
from tasks.queue.redis_keys import SECOND_MS
from tasks.refusal import Refusal
from tasks.settings import Settings

LINK_ID_CHARS: Final = 32
"""Of the digest of a token, which is the link's id."""


@dataclass(frozen=True, slots=True)
class PortalLink:
    """A link as Redis holds it. Times are milliseconds since 1970.

    Attributes:
        id: 32 hex digits; it opens nothing.
        digest: The SHA-256 of its token.
        owner: Whose endpoints it shows.
        channel: Those of this channel alone.
        key_id: The key that made it, with which it ends; None for keys of the settings.
        setting_key: The first 16 hex digits of the SHA-256 of that key, if it is one of the settings.
        created_at: When it was made.
        expires_at: When it ends.
    """

    id: str
    digest: str
    owner: str
    channel: str
    key_id: str | None
    setting_key: str | None
    created_at: int
    expires_at: int

    @property
    def place(self) -> tuple[int, str]:
        """By which links are in order: when it ends, and its id."""
        return self.expires_at, self.id

    @classmethod
    def from_hash(cls, link_id: str, fields: Mapping[bytes, bytes]) -> Self:
        """Build it from a non-empty Redis hash."""
        text = {name.decode(): value.decode() for name, value in fields.items()}
        return cls(
            id=link_id,
            digest=text["digest"],
            owner=text["owner"],
            channel=text["channel"],
            key_id=text.get("key"),
            setting_key=text.get("setting_key"),
            created_at=int(text["created_at"]),
            expires_at=int(text["expires_at"]),
        )


class PortalLinks(ExpiringStore[PortalLink]):
    """Makes, opens, lists and revokes them.

    Args:
        redis: Connection.
        settings: How many an owner may have.
    """

    def __init__(self, redis: "Redis[bytes]", settings: Settings) -> None:
        super().__init__(redis, "portal", PortalLink.from_hash)
        self._settings = settings

    async def create(
        self, owner: str, channel: str, *, seconds: int, key_id: str | None, setting_key: str | None
    ) -> tuple[str, PortalLink]:
        """Make a link.

        Args:
            owner: Whose endpoints it shows.
            channel: Of which channel.
            seconds: For how long it lives.
            key_id: The key that asks for it; see `PortalLink`.
            setting_key: The same.

        Returns:
            Its token, which is stored nowhere, and what Redis holds of it.

        Raises:
            Refusal: `too_many_portal_links`, `redis_full`.
        """
        token, limit = token_text.portal_token(), self._settings.owner_max_portal_links
        digest = token_text.digest_of(token)
        link_id = digest[:LINK_ID_CHARS]
        fields = {"digest": digest, "channel": channel, "key": key_id, "setting_key": setting_key}
        now = await self._add(link_id, owner, fields, seconds=seconds, most=limit)
        if now is None:
            message = f"You have {limit} portal links, which is the limit (OWNER_MAX_PORTAL_LINKS). Revoke some first."
            raise Refusal("too_many_portal_links", message, limit=limit)
        ends_at = now + seconds * SECOND_MS
        return token, PortalLink(link_id, digest, owner, channel, key_id, setting_key, now, ends_at)

    async def open(self, token: str) -> PortalLink | None:
        """The link of a token; None for one that is unknown, has expired or was revoked."""
        if not token_text.is_whole(token):
            return None
        digest = token_text.digest_of(token)
        link = await self.with_id(digest[:LINK_ID_CHARS])
        return link if link and hmac.compare_digest(link.digest, digest) else None
