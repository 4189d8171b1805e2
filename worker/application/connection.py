"""Which Redis an ARQ application uses: that of its WorkerSettings, if the environment names none."""

import secrets
from urllib.parse import quote

from arq.connections import ArqRedis, RedisSettings, create_pool
from pydantic import SecretStr

from tasks.queue.connect import close
from tasks.queue.redis_keys import PROBE
from tasks.settings import Settings
from worker.application.worker_settings import ApplicationSettings

PROBE_S = 10


def with_redis_of(application: ApplicationSettings, settings: Settings) -> Settings:
    """The settings of the process, with the Redis of the application where REDIS_URL is not set.

    Raises:
        ValueError: Its redis_settings cannot be written as a URL.
    """
    if application.redis_settings is None or "redis_url" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"redis_url": SecretStr(url_of(application.redis_settings))})


def url_of(given: RedisSettings) -> str:
    """ARQ's settings as the URL that REDIS_URL would have.

    Raises:
        ValueError: It is a sentinel, or needs options of TLS, which only REDIS_URL can name.
    """
    if (
        given.sentinel
        or not isinstance(given.host, str)
        or given.ssl_certfile
        or given.ssl_ca_certs
        or given.ssl_ca_data
    ):
        raise ValueError(
            "redis_settings name a sentinel or certificates. Say the same in REDIS_URL: docs/deploy.md has its forms."
        )
    user = quote(given.username or "", safe="")
    password = "" if given.password is None else f":{quote(given.password, safe='')}"
    credentials = f"{user}{password}@" if user or password else ""
    if given.unix_socket_path is not None:
        return f"unix://{credentials}{given.unix_socket_path}?db={given.database}"
    host = f"[{given.host}]" if ":" in given.host else given.host
    return f"{'rediss' if given.ssl else 'redis'}://{credentials}{host}:{given.port}/{given.database}"


async def check_same_redis(application: ApplicationSettings, redis: ArqRedis) -> None:
    """Check that redis_settings and REDIS_URL, where both are there, name the same database.

    Raises:
        ValueError: They do not: jobs would never be found.
    """
    if application.redis_settings is None:
        return
    key = PROBE + secrets.token_hex(16)
    its_own = await create_pool(application.redis_settings)
    try:
        await its_own.set(key, b"1", ex=PROBE_S)
        if not await redis.delete(key):
            raise ValueError(
                "redis_settings of the application and REDIS_URL name different databases: give both the same, or "
                "leave REDIS_URL away."
            )
    finally:
        await close(its_own)
