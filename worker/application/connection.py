"""Which Redis an ARQ application uses: that of its WorkerSettings, if the environment names none."""

import secrets
from urllib.parse import quote

from arq.connections import ArqRedis, RedisSettings, create_pool
from pydantic import SecretStr
from redis.asyncio import SSLConnection
from redis.asyncio.sentinel import SentinelConnectionPool

from tasks.queue.connect import close
from tasks.queue.redis_keys import PROBE
from tasks.settings import Settings

PROBE_S = 10


def with_redis_of(settings: Settings, redis_settings: RedisSettings | None, pool: ArqRedis | None) -> Settings:
    """The settings of the process, with the Redis of the application where REDIS_URL is not set.

    Args:
        settings: Of the process.
        redis_settings: The application's, if it has them.
        pool: The application's own client, if it has one.

    Raises:
        ValueError: What it has cannot be written as a URL.
    """
    given = redis_settings if pool is None else settings_of(pool)
    if given is None or "redis_url" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"redis_url": SecretStr(url_of(given))})


def settings_of(pool: ArqRedis) -> RedisSettings:
    """Where a client's connections lead."""
    options = pool.connection_pool.connection_kwargs
    is_elsewhere = isinstance(pool.connection_pool, SentinelConnectionPool) or options.get("credential_provider")
    return RedisSettings(
        host=options.get("host") or "localhost",
        port=int(options.get("port") or 6379),
        unix_socket_path=options.get("path"),
        database=int(options.get("db") or 0),
        username=options.get("username"),
        password=options.get("password"),
        ssl=issubclass(pool.connection_pool.connection_class, SSLConnection),
        ssl_certfile=options.get("ssl_certfile"),
        ssl_ca_certs=options.get("ssl_ca_certs"),
        ssl_ca_data=options.get("ssl_ca_data"),
        sentinel=bool(is_elsewhere),
    )


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
            "The application's Redis has a sentinel, certificates or a credential provider. Say the same in REDIS_URL: "
            "docs/deploy.md has its forms."
        )
    user = quote(given.username or "", safe="")
    password = "" if given.password is None else f":{quote(given.password, safe='')}"
    credentials = f"{user}{password}@" if user or password else ""
    if given.unix_socket_path is not None:
        return f"unix://{credentials}{given.unix_socket_path}?db={given.database}"
    host = f"[{given.host}]" if ":" in given.host else given.host
    return f"{'rediss' if given.ssl else 'redis'}://{credentials}{host}:{given.port}/{given.database}"


async def check_same_redis(redis: ArqRedis, redis_settings: RedisSettings | None, pool: ArqRedis | None) -> None:
    """Check that what the application names and REDIS_URL, where both are there, are the same database.

    Raises:
        ValueError: They are not: jobs would never be found.
    """
    if redis_settings is None and pool is None:
        return
    key = PROBE + secrets.token_hex(16)
    its_own = pool or await create_pool(redis_settings)
    try:
        await its_own.set(key, b"1", ex=PROBE_S)
        if not await redis.delete(key):
            raise ValueError(
                "redis_settings of the application and REDIS_URL name different databases: give both the same, or "
                "leave REDIS_URL away."
            )
    finally:
        if its_own is not pool:
            await close(its_own)
