"""Sessions of browsers: a signed cookie that names the API key with which someone has signed in.

The cookie has no key in it, and nothing is kept on the server: it opens what its key opens, for as long as that key is
good. It counts for pages and their files and streams alone; no route under `/v1` reads it.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from itsdangerous import BadSignature, URLSafeTimedSerializer

from api.http.access.access import Access
from api.http.access.account_cache import AccountCache
from api.http.access.keys import OPEN_ACCESS, Keys
from tasks.refusal import Refusal
from tasks.settings import Settings

PURPOSE: Final = "pressroom session"
"""What the cookie is signed for, so that no other signature made with SECRET_KEY opens a session."""


@dataclass(frozen=True, slots=True)
class Session:
    """An opened session.

    Attributes:
        access: What its key opens, as it is now.
        age_s: Seconds since its cookie was made.
    """

    access: Access
    age_s: float


class Sessions:
    """Makes and opens the cookies of sessions.

    Args:
        settings: SECRET_KEY, which signs them, and CONSOLE_SESSION_S.
        keys: The keys of the settings.
        accounts: The keys in Redis.
    """

    def __init__(self, settings: Settings, keys: Keys, accounts: AccountCache) -> None:
        self.keep_s = settings.console_session_s
        self._keys = keys
        self._accounts = accounts
        # Without SECRET_KEY, which only development does without, a restart signs everyone out.
        given = settings.secret_key.get_secret_value() if settings.secret_key else secrets.token_hex(32)
        self._newest_last = [part.strip() for part in reversed(given.split(","))]
        self._serializer = self.serializer(PURPOSE)

    def serializer(self, purpose: str) -> URLSafeTimedSerializer:
        """What signs cookies. purpose: what for; a signature for one purpose is none for another."""
        return URLSafeTimedSerializer(self._newest_last, salt=purpose)

    def cookie_of(self, access: Access) -> str:
        """The value of the cookie for what a key opens."""
        return str(self._serializer.dumps({"o": access.owner, "k": access.key_id, "s": access.setting_key}))

    async def open(self, cookie: str | None) -> Session | None:
        """Open a session.

        Args:
            cookie: The value of the cookie; None if the browser has sent none.

        Returns:
            The session; None if the cookie is not of this service, too old, or its key opens nothing any more. In the
            open mode everyone has a session.

        Raises:
            Refusal: `unavailable`, `owner_suspended`.
        """
        access, age_s = None, 0.0
        if self._keys.open and not await self._accounts.any_keys():
            access = OPEN_ACCESS
        elif cookie:
            try:
                value, made = self._serializer.loads(cookie, max_age=self.keep_s, return_timestamp=True)
            except BadSignature:
                return None
            access, age_s = await self._access_of(value), (datetime.now(UTC) - made).total_seconds()
        if access is None:
            return None
        await self._accounts.check_again(access)
        return Session(access, age_s)

    async def _access_of(self, value: dict[str, Any]) -> Access | None:
        """What the key of a session opens now."""
        if value["k"] is None:
            return self._keys.known_as(value["o"], value["s"])
        try:
            return Access.by_key(await self._accounts.key_with_id(value["k"]))
        except Refusal as refusal:
            if refusal.code == "unauthorized":
                return None
            raise
