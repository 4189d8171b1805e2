"""The way to Redis: one client class (`ArqRedis`), time-outs that a half-open connection cannot outlast, TLS as the
settings say."""

from typing import Any

from arq.connections import ArqRedis
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

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
    return ArqRedis(pool, job_serializer=serialize, job_deserializer=deserialize)


async def close(redis: ArqRedis) -> None:
    """Close the client and its connections."""
    await redis.aclose(close_connection_pool=True)  # type: ignore[attr-defined] # the stubs are older than redis-py 5
