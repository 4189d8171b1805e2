"""API keys and their owners."""

import hmac
from collections.abc import Iterable
from hashlib import sha256

from pydantic import SecretStr

from tasks.refusal import Refusal
from tasks.settings import OPEN_OWNER


class Keys:
    """The API keys of all owners, kept as SHA-256 digests. Without any key, the API is open to everyone."""

    def __init__(self, keys: Iterable[tuple[str, SecretStr]]) -> None:
        self._digests = [(sha256(key.get_secret_value().encode()).digest(), owner) for owner, key in keys]

    @property
    def open(self) -> bool:
        return not self._digests

    def __len__(self) -> int:
        return len(self._digests)

    def owner_by_key(self, key: str | None) -> str:
        """The owner of a key; `dev` in open mode.

        Raises:
            Refusal: `unauthorized`.
        """
        if self.open:
            return OPEN_OWNER
        if key is None:
            raise Refusal(
                "unauthorized",
                "The request has no API key. Send it as `Authorization: Bearer <key>`.",
                field="Authorization",
            )
        digest = sha256(key.encode()).digest()
        # Every key is compared, each in constant time, so that the duration reveals nothing about the keys.
        owners = [owner for known, owner in self._digests if hmac.compare_digest(known, digest)]
        if not owners:
            raise Refusal("unauthorized", "This API key is unknown. Check it for typos.", field="Authorization")
        return owners[0]

    def knows(self, key: str | None) -> bool:
        """Whether this is somebody's key; in open mode, always."""
        try:
            self.owner_by_key(key)
        except Refusal:
            return False
        return True
