"""API keys: who is asking."""

import hmac
from collections.abc import Iterable
from hashlib import sha256

from pydantic import SecretStr

from tasks.refusal import Refusal
from tasks.settings import OPEN_OWNER


class Keys:
    """The keys of all owners, as digests. Without any, the API is open."""

    def __init__(self, keys: Iterable[tuple[str, SecretStr]]) -> None:
        self._digests = [(sha256(key.get_secret_value().encode()).digest(), owner) for owner, key in keys]

    @property
    def open(self) -> bool:
        return not self._digests

    def __len__(self) -> int:
        return len(self._digests)

    def owner_of(self, key: str | None) -> str:
        """The owner behind a key; `dev` in open mode. Raises: Refusal `unauthorized`."""
        if self.open:
            return OPEN_OWNER
        if key is None:
            raise Refusal("unauthorized", "Send your API key as `Authorization: Bearer <key>`.", field="Authorization")
        digest = sha256(key.encode()).digest()
        # Every key is compared, and in constant time: how long it takes tells nothing about which came close.
        owners = [owner for known, owner in self._digests if hmac.compare_digest(known, digest)]
        if not owners:
            raise Refusal("unauthorized", "This API key is not known here; check it for typos.", field="Authorization")
        return owners[0]
