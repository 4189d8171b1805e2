"""Sessions of browsers: a signed cookie that names the API key with which someone has signed in.

The cookie has no key in it, and nothing is kept on the server: it opens what its key opens, for as long as that key is
good. It counts for pages and their files and streams alone; no route under `/v1` reads it.
"""

import hmac
import secrets
import time
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
        began_s: When the key was given, in seconds since 1970; None of what was not begun with one.
    """

    access: Access
    age_s: float
    began_s: int | None = None


class Sessions:
    """Makes and opens the cookies of sessions.

    Args:
        settings: SECRET_KEY, which signs them, CONSOLE_SESSION_S and CONSOLE_SESSION_MAX_S.
        keys: The keys of the settings.
        accounts: The keys in Redis.
    """

    def __init__(self, settings: Settings, keys: Keys, accounts: AccountCache) -> None:
        self.keep_s = min(settings.console_session_s, settings.console_session_max_s)
        self._max_s = settings.console_session_max_s
        self._keys = keys
        self._accounts = accounts
        # Without SECRET_KEY, which only development does without, a restart signs everyone out.
        given = settings.secret_key.get_secret_value() if settings.secret_key else secrets.token_hex(32)
        self._newest_last = [part.strip() for part in reversed(given.split(","))]
        self._serializer = self.serializer(PURPOSE)

    def serializer(self, purpose: str) -> URLSafeTimedSerializer:
        """What signs cookies. purpose: what for; a signature for one purpose is none for another."""
        return URLSafeTimedSerializer(self._newest_last, salt=purpose)

    def cookie_of(self, access: Access, began_s: int | None = None) -> str:
        """The value of the cookie for what a key opens.

        Args:
            access: What the key opens.
            began_s: Of the session that goes on; None begins one.
        """
        began = int(time.time()) if began_s is None else began_s
        return str(
            self._serializer.dumps(
                {"o": access.owner, "k": access.key_id, "s": self._marks(access.setting_key)[-1], "b": began}
            )
        )

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
        access, age_s, began_s = None, 0.0, None
        if self._keys.open and not await self._accounts.any_keys():
            access = OPEN_ACCESS
        elif cookie:
            try:
                value, made = self._serializer.loads(cookie, max_age=self.keep_s, return_timestamp=True)
            except BadSignature:
                return None
            began_s = value.get("b", int(made.timestamp()))  # cookies of the former version have none
            if time.time() - began_s > self._max_s:
                return None
            access, age_s = await self._access_of(value), (datetime.now(UTC) - made).total_seconds()
        if access is None:
            return None
        await self._accounts.check_again(access)
        return Session(access, age_s, began_s)

    def _marks(self, setting_key: str | None) -> list[str]:
        """What a cookie knows a key of the settings by, with each secret: its digest is for no one to try keys with."""
        text = (setting_key or "").encode()
        return [hmac.digest(secret.encode(), text, "sha256").hex()[:32] for secret in self._newest_last]

    async def _access_of(self, value: dict[str, Any]) -> Access | None:
        """What the key of a session opens now."""
        if value["k"] is None:
            return self._keys.known_as(value["o"], lambda key: value["s"] in self._marks(key))
        try:
            return Access.by_key(await self._accounts.key_with_id(value["k"]))
        except Refusal as refusal:
            if refusal.code == "unauthorized":
                return None
            raise
