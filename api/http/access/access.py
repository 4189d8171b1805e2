"""What the sender of a request may do."""

from dataclasses import dataclass
from typing import Literal

from tasks.accounts.key_record import KeyRecord
from tasks.accounts.scopes import ADMIN
from tasks.accounts.tokens.upload_tokens import UploadToken

Via = Literal["open", "setting", "key", "upload_token", "job_token", "portal"]
"""How a sender proved who it is: not at all in the open mode, by a key of the settings, by a key in Redis; or by a
token (`api.http.access.tokens.routes`), which is for a web page; or by a portal link, which opens nothing
over HTTP but the pages of `api.portal`."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a key or token gives its holder. AuthMiddleware puts it into `scope["access"]`.

    Attributes:
        owner: Whose things it opens.
        scopes: What may be done with them; see `tasks.accounts.scopes.SCOPES`.
        via: How the holder proved who it is.
        key_id: The public id of the key; None for keys of the settings and in the open mode.
        setting_key: What a key of the settings is known by: the first 16 hex digits of its SHA-256.
        read_only: Whether only GET and HEAD are allowed.
        expires_at_ms: When it ends, in milliseconds since 1970; None if it does not.
        upload_token: What an upload token allows.
        job_id: The one job that a job token opens.
        channel: The one channel whose endpoints and deliveries a portal link opens, by the routes that say so
            (`requires(…, by_channel=True)`); None is no restriction.
        portal_link: The id of that link.
    """

    owner: str
    scopes: frozenset[str]
    via: Via
    key_id: str | None = None
    setting_key: str | None = None
    read_only: bool = False
    expires_at_ms: int | None = None
    upload_token: UploadToken | None = None
    job_id: str | None = None
    channel: str | None = None
    portal_link: str | None = None

    @staticmethod
    def by_key(record: KeyRecord) -> "Access":
        """What a key in Redis gives."""
        return Access(
            owner=record.owner,
            scopes=record.scopes,
            via="key",
            key_id=record.id,
            read_only=record.read_only,
            expires_at_ms=record.expires_at,
        )

    @property
    def is_token(self) -> bool:
        """Whether it is not a key, but a token that a key or a job has given to a web page."""
        return self.via in ("upload_token", "job_token", "portal")

    @property
    def audited_key(self) -> str | None:
        """What the audit log has as the key: what a customer does is not done by the key that made the link."""
        return self.key_id if self.portal_link is None else f"portal:{self.portal_link}"

    @property
    def is_admin(self) -> bool:
        """Whether it opens the things of every owner."""
        return ADMIN in self.scopes

    @property
    def is_never_suspended(self) -> bool:
        """Whether it is of an admin of the settings: these are let in always, for they end suspensions."""
        return self.is_admin and self.via != "key"
