"""The way to Redis: one client class (`ArqRedis`), time-outs that a half-open connection cannot outlast, TLS as the
settings say."""

from typing import Any
from urllib.parse import urlsplit

from arq.connections import ArqRedis
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from tasks.queue.wire import deserialize, serialize

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 10.0
"""Longer than any block we ask for: a connection that is silent for this long is dead."""
HEALTH_CHECK_S = 25
"""A connection idle for longer is pinged before use; hosted plans drop idle ones after five minutes."""
POOL_TIMEOUT_S = 5.0


def connect(
    url: str, *, ssl_cert_reqs: str = "required", max_connections: int = 20, answer_timeout_s: float = ANSWER_TIMEOUT_S
) -> ArqRedis:
    """A client for `url` (redis://, rediss://, unix://; percent-encoded passwords are decoded). Opens nothing until it
    is used.

    It never repeats a command by itself: whether a script ran before its connection broke is for the caller to decide.
    Raises: ValueError for a URL that Redis clients do not understand.
    """
    options: dict[str, Any] = {}
    if url.startswith("rediss://"):
        options = {"ssl_cert_reqs": ssl_cert_reqs, "ssl_check_hostname": ssl_cert_reqs == "required"}
    if not url.startswith("unix://"):
        options["socket_keepalive"] = True
    try:
        pool: BlockingConnectionPool[Any] = BlockingConnectionPool.from_url(
            url,
            max_connections=max_connections,
            timeout=POOL_TIMEOUT_S,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=answer_timeout_s,
            health_check_interval=HEALTH_CHECK_S,
            retry=Retry(NoBackoff(), 0),
            **options,
        )
    except ValueError as error:
        # The client's own words may repeat the URL, and with it the password.
        raise ValueError("REDIS_URL: write redis://host:port/0, rediss://… (TLS) or unix://path") from error
    return ArqRedis(pool, job_serializer=serialize, job_deserializer=deserialize)


async def close(redis: ArqRedis) -> None:
    """Close the client and its connections."""
    await redis.aclose(close_connection_pool=True)  # type: ignore[attr-defined] # the stubs are older than redis-py 5


async def describe_redis(redis: ArqRedis, url: str) -> dict[str, str]:
    """What is at `url`, for the start-up log: its address without the password, and its version, policy or error."""
    place = urlsplit(url)
    about = {"address": f"{place.scheme}://{place.hostname or place.path}:{place.port or ''}".rstrip(":")}
    try:
        info = await redis.info()
    except (RedisError, OSError) as error:
        # Redis may be back in a moment: the process starts all the same, and reconnects by itself.
        return about | {"error": str(error)}
    version = info.get("valkey_version", info["redis_version"])
    return about | {"version": version, "maxmemory_policy": info["maxmemory_policy"]}
