"""The API keys of the settings, and the open mode without any key."""

from hashlib import sha256
from typing import Final

from api.http.access.access import Access
from tasks.accounts.scopes import ALL_SCOPES, OWN_SCOPES
from tasks.settings import OPEN_OWNER, Settings

OPEN_ACCESS: Final = Access(OPEN_OWNER, ALL_SCOPES, "open")


class Keys:
    """The keys of API_KEYS, kept as SHA-256 digests. They have all scopes; `admin` those of ADMINS alone.

    Args:
        settings: The settings of the process.
    """

    def __init__(self, settings: Settings) -> None:
        # A look-up is not in constant time. What it reveals is of the digest, which the sender cannot steer.
        self._accesses = {
            sha256(key.get_secret_value().encode()).digest(): Access(
                owner, ALL_SCOPES if owner in settings.admins else OWN_SCOPES, "setting"
            )
            for owner, key in settings.api_keys
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

    def has_owner(self, owner: str) -> bool:
        """Whether an owner has a key in the settings; in the open mode, whether it is the one that all are."""
        accesses = (OPEN_ACCESS,) if self._open else self._accesses.values()
        return any(access.owner == owner for access in accesses)

    def find(self, key: str) -> Access | None:
        """What a key of the settings gives; None for other keys."""
        return self._accesses.get(sha256(key.encode()).digest())
