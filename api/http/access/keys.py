"""The API keys of the settings, and the open mode without any key."""

from collections.abc import Callable
from hashlib import sha256
from typing import Final

from api.http.access.access import Access
from tasks.accounts.scopes import ALL_SCOPES, OWN_SCOPES
from tasks.settings import OPEN_OWNER, Settings

SHORT_CHARS: Final = 16
"""Of the digest of a key, by which the tokens that it makes know it."""
OPEN_ACCESS: Final = Access(OPEN_OWNER, ALL_SCOPES, "open")


class Keys:
    """The keys of API_KEYS, kept as SHA-256 digests. They have all scopes; `admin` those of ADMINS alone.

    Args:
        settings: The settings of the process.
    """

    def __init__(self, settings: Settings) -> None:
        # A look-up is not in constant time. What it reveals is of the digest, which the sender cannot steer.
        digests = [(owner, sha256(key.get_secret_value().encode())) for owner, key in settings.api_keys]
        self._accesses = {
            digest.digest(): Access(
                owner,
                ALL_SCOPES if owner in settings.admins else OWN_SCOPES,
                "setting",
                setting_key=digest.hexdigest()[:SHORT_CHARS],
            )
            for owner, digest in digests
        }
        self._open = settings.dev and not self._accesses

    @property
    def open(self) -> bool:
        """Whether the API is open to everyone on this machine, as far as is known: in development, without any key."""
        return self._open

    def close(self) -> None:
        """There are keys in Redis. The open mode does not come back in this process, also if they are revoked."""
        self._open = False

    def __len__(self) -> int:
        return len(self._accesses)

    def has(self, owner: str, setting_key: str | None) -> bool:
        """Whether a key is in the settings.

        Args:
            owner: Whose it is.
            setting_key: See `Access`. None is any key of the owner, for tokens of the former version; or, in the open
                mode, none.
        """
        if self._open:
            return owner == OPEN_ACCESS.owner
        accesses = self._accesses.values()
        return any(one.owner == owner and setting_key in (None, one.setting_key) for one in accesses)

    def known_as(self, owner: str, is_it: Callable[[str], bool]) -> Access | None:
        """What a key of the settings gives, for a session that was begun with it; None if it is no longer there.

        Args:
            owner: Whose it is.
            is_it: Whether a `setting_key` (see `Access`) is the one of that session.
        """
        found = (one for one in self._accesses.values() if one.owner == owner and is_it(one.setting_key or ""))
        return next(found, None)

    def find(self, key: str) -> Access | None:
        """What a key of the settings gives; None for other keys."""
        return self._accesses.get(sha256(key.encode()).digest())
