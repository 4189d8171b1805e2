"""Whether there is any API key, asked when a process starts."""

import asyncio
import contextlib
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.http.access.keys import Keys
from tasks.accounts.key_store import has_keys
from tasks.queue.connect import close, connect
from tasks.settings import OPEN_OWNER, Settings

log = structlog.get_logger()

FIRST_KEY: Final = "python -m api.accounts keys create --owner OWNER --name first --scopes all"
ASK_S: Final = 5.0
"""Seconds for which a start waits for Redis to say whether it has keys."""


def keys_of(settings: Settings) -> Keys:
    """The keys of the settings, before an event loop runs; not open if Redis has keys."""
    keys = Keys(settings)
    if keys.open:
        asyncio.run(_asked(settings, keys))
    return keys


async def note_keys(redis: "Redis[bytes]", keys: Keys) -> bool | None:
    """Learn whether Redis has keys, and end the open mode if it has.

    Returns:
        Whether it has; None if that is not known, as it does not answer.
    """
    with contextlib.suppress(RedisError, OSError, TimeoutError):
        async with asyncio.timeout(ASK_S):
            found = await has_keys(redis)
        if found:
            keys.close()
        return found
    return None


def announce_keys(settings: Settings, keys: Keys, *, in_redis: bool | None) -> None:
    """Log which keys there are.

    Args:
        settings: The settings of the process.
        keys: The keys of the settings.
        in_redis: Whether Redis has keys; None if that is not known.
    """
    if keys.open:
        log.warning(
            "api.open", message=f"There is no API key: anyone on this machine may use this API, as owner {OPEN_OWNER}."
        )
        return
    owners = len({owner for owner, _ in settings.api_keys})
    log.info("api.keys", keys=len(keys), owners=owners, in_redis=in_redis)
    if not len(keys) and in_redis is False:
        log.warning("api.no_keys", message=f"There is no API key: every request answers 401. Create one: {FIRST_KEY}")
    if settings.secret_key is None:
        log.warning("api.secrets", message="SECRET_KEY is empty: secrets of endpoints lie in Redis as plain text.")


async def _asked(settings: Settings, keys: Keys) -> None:
    redis = connect(
        settings.redis_url.get_secret_value(), ssl_cert_reqs=settings.redis_ssl_cert_reqs, ca=settings.redis_ca
    )
    try:
        await note_keys(redis, keys)
    finally:
        await close(redis)
