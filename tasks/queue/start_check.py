"""The start: whether this Redis will do, and if not, whether waiting helps.

What may pass is waited for: no connection, no answer, DNS, LOADING, READONLY. What no waiting cures ends the start with
one line that names the cure.
"""

import asyncio
import re
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from arq.constants import job_key_prefix
from redis.asyncio import Redis
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,  # noqa: A004 - Redis' own
    NoPermissionError,
    RedisError,
    ResponseError,
    TimeoutError,  # noqa: A004 - Redis' own
)

from tasks.backoff import pauses_s
from tasks.queue.connection_pool import PrimaryPool
from tasks.queue.process_registry import ProcessRegistry
from tasks.queue.redis_keys import CHANGES, PROBE, ROOT, WATCHED
from tasks.stopping import stop

PROBE_MS: Final = 10_000
COMMANDS: Final = (
    "BLPOP {key} 1",
    "CLIENT ID",
    "DEL {key}:none",
    "EVAL {script} 0",
    "EVALSHA {hash} 0",
    "EXISTS {key}",
    "GET {key}",
    "HDEL {key} f",
    "HEXISTS {key} f",
    "HGET {key} f",
    "HGETALL {key}",
    "HINCRBY {key} f 1",
    "HKEYS {key}",
    "HLEN {key}",
    "HMGET {key} f",
    "HSET {key} f v",
    "HSETNX {key} f v",
    "INCR {key}:none",
    "DEL {key}:none",
    "LINDEX {key} 0",
    "LLEN {key}",
    "LPOP {key}",
    "MGET {key}",
    "MULTI",
    "EXEC",
    "PERSIST {key}:none",
    "PEXPIRE {key}:none 1",
    "PEXPIREAT {key}:none 1",
    "PTTL {key}",
    "PUBLISH {channel} 1",
    "PUBSUB NUMSUB {channel}",
    "RPUSH {key} v",
    "SADD {key} v",
    "SCARD {key}",
    "SCAN 0 COUNT 1",
    "SCRIPT LOAD {script}",
    "SET {key} 0 XX KEEPTTL",
    "SISMEMBER {key} v",
    "SPOP {key}",
    "SREM {key} v",
    "SSCAN {key} 0",
    "TIME",
    "XADD {key} * f v",
    "XRANGE {key} - + COUNT 1",
    "XREVRANGE {key} + - COUNT 1",
    "XTRIM {key} MAXLEN 0",
    "ZADD {key} 1 v",
    "ZCARD {key}",
    "ZCOUNT {key} 0 1",
    "ZDIFF 2 {key} {key}",
    "ZPOPMIN {key}",
    "ZRANDMEMBER {key}",
    "ZRANGE {key} 0 0",
    "ZRANGEBYLEX {key} - +",
    "ZRANK {key} member",
    "ZRANGEBYSCORE {key} 0 1",
    "ZREM {key} v",
    "ZREMRANGEBYRANK {key} 0 0",
    "ZREMRANGEBYSCORE {key} 0 0",
    "ZREVRANGEBYLEX {key} + -",
    "ZREVRANGEBYSCORE {key} 1 0",
    "ZSCAN {key} 0",
    "ZSCORE {key} v",
)
"""Every command that Pressroom runs, on a key that is a string: what wants another type is refused for that, and
changes nothing. The server looks at the user's rights first."""
WITH_SUBCOMMANDS: Final = frozenset({"CLIENT", "PUBSUB", "SCRIPT"})
CLUSTER_ERRORS: Final = ("CROSSSLOT", "MOVED", "ASK ", "CLUSTERDOWN")
NEEDS_CLUSTER_OFF: Final = (
    "REDIS_URL: this server is in cluster mode, in which the keys of one job lie on several servers; ARQ's fixed key "
    "names allow no hash tags. Choose a plan without cluster mode: one primary, with replicas if you like"
)
PLAIN_PORT: Final = "REDIS_URL: the server does not speak TLS at this port; write redis://, or the port that has TLS"
CURES: Final = (
    (
        AuthenticationError,
        "without any password",
        "REDIS_URL: it has a password, and the server asks for none; leave it out",
    ),
    (
        AuthenticationError,
        "required",
        "REDIS_URL: the server asks for a password; write redis://user:password@host:port/0",
    ),
    (
        AuthenticationError,
        "",
        "REDIS_URL: the server refuses its user or password; copy both again, percent-encoded (@ is %40)",
    ),
    (
        ResponseError,
        "DB index is out of range",
        "REDIS_URL: the server has no database of this number; write /0 at its end",
    ),
    (
        RedisError,
        "DENIED",
        "REDIS_URL: the server is in protected mode; give it a password, or turn protected mode off",
    ),
)
"""What the server says, and what to do about it; the first that fits."""
RETRIED: Final = (RedisError, OSError)
OTHER_WAY_S: Final = 2.0
"""A server that speaks the other of the two ways answers within this time."""
CONFIRM_S: Final = 5.0
"""Redis answers a subscription within this time, or not at all."""

log = structlog.get_logger()


class StartRefusedError(Exception):
    """This Redis will not do, and no waiting cures that. The message is one line that names the cure."""


async def wait_until_checked(
    redis: "Redis[bytes]", registry: ProcessRegistry, event: str, waiting: asyncio.Event | None = None
) -> None:
    """Return once Redis will do and this process may use its database; say so in the log.

    Args:
        redis: Connection.
        registry: Of this process.
        event: The name of the log line.
        waiting: Set when Redis is waited for.

    Raises:
        StartRefusedError: It will not do, or another installation uses the database.
    """
    told, pauses = False, pauses_s()
    while True:
        try:
            described = await check_start(redis, registry)
        except RETRIED as error:
            if not told:
                log.warning(event, address=server_address(redis), error=str(error), hint="it is waited for")
            told = True
            if waiting is not None:
                waiting.set()
            await asyncio.sleep(next(pauses))
        else:
            log.info(event, address=server_address(redis), **described)
            return


@asynccontextmanager
async def joined(
    redis: "Redis[bytes]", registry: ProcessRegistry, event: str, refused: Callable[[StartRefusedError], object]
) -> AsyncIterator[None]:
    """Check Redis, and be in its registry until the block ends. If it does not answer, the block begins all the same.

    Args:
        redis: Connection.
        registry: Of this process.
        event: The name of the log line.
        refused: Called if Redis answers later, and will not do.

    Raises:
        StartRefusedError: It will not do, or another installation uses the database.
    """
    begun = asyncio.Event()

    async def check_and_beat() -> None:
        await wait_until_checked(redis, registry, event, begun)
        begun.set()
        await registry.beat_until_cancelled()

    def ended(task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and isinstance(error := task.exception(), StartRefusedError):
            refused(error)

    beats, begins = asyncio.create_task(check_and_beat(), name="registry"), asyncio.create_task(begun.wait())
    try:
        await asyncio.wait([beats, begins], return_when=asyncio.FIRST_COMPLETED)
        if beats.done():
            beats.result()
        beats.add_done_callback(ended)
        yield
    finally:
        await stop(beats, begins)
        await registry.leave()


async def check_start(redis: "Redis[bytes]", registry: ProcessRegistry) -> dict[str, str]:
    """Do once what `wait_until_checked` does. Raises also: redis.exceptions.RedisError, OSError, TimeoutError."""
    described = await check_redis(redis)
    refusal = await registry.join()
    if refusal is not None:
        raise StartRefusedError(refusal)
    return described


async def check_redis(redis: "Redis[bytes]") -> dict[str, str]:
    """See whether this Redis will do.

    Returns:
        What it is, for the log: version and policy, as far as it may be asked.

    Raises:
        StartRefusedError: It will not do.
        redis.exceptions.RedisError: It does not answer now, or not as a primary does.
    """
    try:
        await _check_mode_and_rights(redis)
        return await _described(redis)
    except (RedisError, OSError) as error:
        cure = cure_of(error) or await _wrong_tls(redis, error)
        if cure is None:
            raise
        raise StartRefusedError(cure) from error


def cure_of(error: BaseException) -> str | None:
    """What to do about an error that no waiting cures; None for one that may pass."""
    if isinstance(error, NoPermissionError):
        return (
            f"REDIS_URL: its user lacks a right ({str(error).rstrip('.')}); docs/deploy.md lists those that are needed"
        )
    for kind, words, cure in CURES:
        if isinstance(error, kind) and words in str(error):
            return cure
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"REDIS_URL: the certificate of the server is not accepted ({cause.verify_message}). Set "
                "REDIS_SSL_CERT_REQS=none where a hosted plan signs its own, or name its authority in REDIS_CA"
            )
        if isinstance(cause, ssl.SSLError) and cause.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
            return PLAIN_PORT
    return None


def fault_of(error: BaseException) -> str:
    """One line about an error of Redis, for who typed a command: the setting, and what to do."""
    what = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
    return cure_of(error) or f"REDIS_URL: Redis does not answer ({what}); set it to that of web and worker"


async def _check_mode_and_rights(redis: "Redis[bytes]") -> None:
    key = PROBE + secrets.token_hex(8)
    words = {"key": key, "channel": CHANGES + "probe", "script": "return\t1", "hash": "0" * 40}
    async with redis.pipeline(transaction=False) as pipe:
        # Two keys that lie on two servers wherever there are several.
        pipe.execute_command("EXISTS", f"{key}:{{1}}", f"{key}:{{2}}")
        pipe.set(key, "0", px=PROBE_MS)
        pipe.exists(job_key_prefix + key)
        for line in COMMANDS:
            pipe.execute_command(*(word.format_map(words) for word in line.split(" ")))
        pipe.delete(key)
        cluster, _, arq, *answers, _ = await pipe.execute(raise_on_error=False)
    if isinstance(cluster, ResponseError) and str(cluster).startswith(CLUSTER_ERRORS):
        raise StartRefusedError(NEEDS_CLUSTER_OFF)
    missing: dict[str, None] = {}
    if isinstance(arq, NoPermissionError):
        missing["~arq:*"] = None
    for line, answer in zip(COMMANDS, answers, strict=True):
        if isinstance(answer, NoPermissionError):
            missing[_right(line, str(answer))] = None
        elif isinstance(answer, ResponseError) and str(answer).startswith("unknown command"):
            raise StartRefusedError("REDIS_URL: the server lacks commands; Pressroom needs Redis 6.2, Valkey, or newer")
        elif isinstance(answer, ResponseError) and _may_pass(answer):
            raise answer
    missing |= await _missing_of_subscription(redis)
    if missing:
        raise StartRefusedError(
            f"REDIS_URL: its user lacks rights. Let who administers Redis run: ACL SETUSER {_user(redis)} "
            f"{' '.join(missing)}"
        )


async def _missing_of_subscription(redis: "Redis[bytes]") -> dict[str, None]:
    async with redis.pubsub() as pubsub:
        try:
            await pubsub.subscribe(WATCHED)
            await pubsub.get_message(timeout=CONFIRM_S)
        except NoPermissionError as error:
            return {_right("SUBSCRIBE {channel}", str(error)): None}
    return {}


def _right(line: str, refusal: str) -> str:
    """The right that is missing, as ACL SETUSER takes it."""
    command, argument = line.lower().split(" ")[:2] if " " in line else (line.lower(), "")
    words = re.sub(r"'[^']*'", "", refusal)  # without the command's name
    if "channel" in words:
        return f"&{ROOT}*"
    if "key" in words:
        return f"~{ROOT}*"
    return f"+{command}|{argument}" if command.upper() in WITH_SUBCOMMANDS else f"+{command}"


def _may_pass(error: ResponseError) -> bool:
    """Whether a server says that it takes no writes now; a full one and one that is a replica may start the service."""
    return str(error).startswith(("MASTERDOWN", "BUSY"))


def server_address(redis: "Redis[bytes]") -> str:
    """Where a client's connections lead, without user and password, for the log."""
    pool = redis.connection_pool
    if not isinstance(pool, PrimaryPool) or pool.sentinel is None:
        return _place(pool.connection_kwargs)
    sentinels = ",".join(_place(sentinel.connection_pool.connection_kwargs) for sentinel in pool.sentinel.sentinels)
    return f"{sentinels}/{pool.master}"


def _place(options: Mapping[str, Any]) -> str:
    return str(options.get("path") or f"{options['host']}:{options['port']}")


def _user(redis: "Redis[bytes]") -> str:
    return str(redis.connection_pool.connection_kwargs.get("username") or "default")


async def _described(redis: "Redis[bytes]") -> dict[str, str]:
    try:
        info: Mapping[str, Any] = await redis.info()
    except NoPermissionError:
        return {"version": "unknown", "maxmemory_policy": "unknown", "hint": "grant +info to see them"}
    if info.get("cluster_enabled"):
        raise StartRefusedError(NEEDS_CLUSTER_OFF)
    version = info.get("valkey_version", info["redis_version"])
    return {"version": version, "maxmemory_policy": info.get("maxmemory_policy", "unknown")}


async def _wrong_tls(redis: "Redis[bytes]", error: BaseException) -> str | None:
    """Whether a server that hung up, or said nothing, speaks TLS where it was not asked to, or the other way round."""
    pool = redis.connection_pool
    if not isinstance(error, ConnectionError | TimeoutError) or not isinstance(pool, PrimaryPool) or pool.sentinel:
        return None
    host, port = pool.connection_kwargs.get("host"), pool.connection_kwargs.get("port")
    if host is None:
        return None
    try:
        async with asyncio.timeout(OTHER_WAY_S):
            if pool.connection_kwargs.get("ssl_cert_reqs"):
                reader, writer = await asyncio.open_connection(host, port)
                writer.write(b"PING\r\n")
                found = PLAIN_PORT if (await reader.read(1)) in {b"+", b"-"} else None
            else:
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                _, writer = await asyncio.open_connection(host, port, ssl=context)
                found = "REDIS_URL: the server speaks TLS at this port; write rediss://"
            writer.close()
    except OSError:  # a time-out is one too
        return None
    return found


def _causes(error: BaseException) -> Iterable[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
