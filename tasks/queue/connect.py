"""The way to Redis: one client class (`ArqRedis`), time-outs that a half-open connection cannot outlast, TLS as the
settings say."""

import ssl
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from arq.connections import ArqRedis
from redis.asyncio import Sentinel
from redis.asyncio.connection import RedisSSLContext
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tasks.queue.connection_pool import (
    PrimaryPool,
    SentinelTcpConnection,
    SentinelTlsConnection,
    SocketConnection,
    TcpConnection,
    TlsConnection,
)
from tasks.queue.redis_url import RedisUrl, read_redis_url
from tasks.queue.wire import deserialize, serialize

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 10.0
"""Longer than any block we ask for: a connection that is silent for this long is dead."""
SENTINEL_TIMEOUT_S = 1.0
"""A sentinel that takes longer is passed over for the next one."""
HEALTH_CHECK_S = 25
"""A connection idle for longer is pinged before use; hosted plans drop idle ones after five minutes."""
POOL_TIMEOUT_S = 5.0


def connect(
    url: str,
    *,
    ssl_cert_reqs: str = "required",
    ca: str | None = None,
    max_connections: int = 20,
    answer_timeout_s: float = ANSWER_TIMEOUT_S,
) -> ArqRedis:
    """A client for `url`, in one of the forms that `tasks.queue.redis_url` reads. Opens nothing until it is used.

    It never repeats a command by itself: whether a script ran before its connection broke is for the caller to decide.
    Raises: ValueError for a URL that cannot be used; the message is one line.
    """
    target = read_redis_url(url, ssl_cert_reqs=ssl_cert_reqs, ca=ca)
    options: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "socket_timeout": answer_timeout_s,
        "health_check_interval": HEALTH_CHECK_S,
        "retry": Retry(NoBackoff(), 0),
        **target.options,
    }
    if target.path is not None:
        options |= {"connection_class": SocketConnection, "path": target.path}
    else:
        options["socket_keepalive"] = True
    if target.tls:
        _check_tls(target)
    if target.master is not None:
        options |= {
            "connection_class": SentinelTlsConnection if target.tls else SentinelTcpConnection,
            "sentinel": _sentinel(target),
            "master": target.master,
        }
    elif target.path is None:
        host, port = target.hosts[0]
        options |= {"connection_class": TlsConnection if target.tls else TcpConnection, "host": host, "port": port}
    pool = PrimaryPool(max_connections=max_connections, timeout=POOL_TIMEOUT_S, **options)
    _TARGETS[pool] = partial(connect, url, ssl_cert_reqs=ssl_cert_reqs, ca=ca)
    return ArqRedis(pool, job_serializer=serialize, job_deserializer=deserialize)


def _sentinel(target: RedisUrl) -> Sentinel:
    tls = {name: value for name, value in target.options.items() if name.startswith("ssl_")}
    return Sentinel(
        target.hosts,
        sentinel_kwargs={
            "socket_connect_timeout": SENTINEL_TIMEOUT_S,
            "socket_timeout": SENTINEL_TIMEOUT_S,
            "ssl": target.tls,
            **tls,
            **target.sentinel_options,
        },
    )


def _check_tls(target: RedisUrl) -> None:
    """Read the certificates that the URL names: otherwise each connection would fail for them."""
    tls = {name.removeprefix("ssl_"): value for name, value in target.options.items() if name.startswith("ssl_")}
    try:
        RedisSSLContext(**tls).get()
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ValueError(f"REDIS_URL: its ssl_ options cannot be used: {error}") from error


_TARGETS: "WeakKeyDictionary[PrimaryPool, Callable[..., ArqRedis]]" = WeakKeyDictionary()
"""How each pool was made."""


def connect_again(redis: ArqRedis, *, max_connections: int, answer_timeout_s: float) -> ArqRedis:
    """A second client to the same place, with connections of its own: those of one client belong to one event loop."""
    again = _TARGETS[redis.connection_pool]
    return again(max_connections=max_connections, answer_timeout_s=answer_timeout_s)


async def close(redis: ArqRedis) -> None:
    """Close the client and its connections."""
    await redis.aclose(close_connection_pool=True)  # type: ignore[attr-defined] # the stubs are older than redis-py 5
    pool = redis.connection_pool
    if isinstance(pool, PrimaryPool) and pool.sentinel is not None:
        for sentinel in pool.sentinel.sentinels:
            await sentinel.aclose()  # type: ignore[attr-defined] # likewise
