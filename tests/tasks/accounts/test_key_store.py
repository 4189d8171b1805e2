"""API keys in Redis."""

import asyncio

import pytest
from arq.connections import ArqRedis

from tasks.accounts.audit import AuditLine
from tasks.accounts.key_format import digest_of, id_of
from tasks.accounts.key_record import KeyRecord
from tasks.accounts.key_store import Asker, KeyStore, NewKey, has_keys
from tasks.queue.account_keys import ACCOUNTS, API_KEY, API_KEY_ENDED_MS, API_KEYS, AUDIT
from tasks.queue.actor import Actor, acting
from tasks.refusal import Refusal

CLI = Asker("cli")
HOUR = 3_600_000


@pytest.fixture
def store(redis: ArqRedis) -> KeyStore:
    return KeyStore(redis, most=3)


async def make(store: KeyStore, asker: Asker = CLI, life_ms: int | None = None, name: str = "ci") -> NewKey:
    return await store.create("acme", name, ["images", "jobs:read"], asker, read_only=False, life_ms=life_ms)


async def refusal(call: "asyncio.Future[object] | object") -> str:
    with pytest.raises(Refusal) as refused:
        await call  # type: ignore[misc]
    return refused.value.code


async def test_redis_has_the_hash_of_a_key_and_not_the_key(store: KeyStore, redis: ArqRedis) -> None:
    made = await make(store)
    assert made.record.id == id_of(digest_of(made.key))
    everything = [await redis.dump(key) for key in await redis.keys("*")]
    assert not any(made.key.encode()[8:20] in (value or b"") for value in everything)
    record = await store.find(made.record.id)
    assert (record.owner, record.name, record.scopes) == ("acme", "ci", frozenset({"images", "jobs:read"}))
    assert (record.state, record.expires_at, record.made_by) == ("live", None, "cli")
    assert await redis.pttl(API_KEY + record.id) == -1


async def test_a_key_expires_and_is_forgotten_a_month_later(store: KeyStore, redis: ArqRedis) -> None:
    record = (await make(store, life_ms=HOUR)).record
    assert record.expires_at == record.created_at + HOUR
    left = await redis.pttl(API_KEY + record.id)
    assert API_KEY_ENDED_MS < left <= API_KEY_ENDED_MS + HOUR


async def test_a_revoked_key_stays_revoked_and_is_forgotten_a_month_later(store: KeyStore, redis: ArqRedis) -> None:
    made = await make(store)
    revoked = await store.revoke(made.record.id)
    assert revoked.state == "revoked"
    assert 0 < await redis.pttl(API_KEY + made.record.id) <= API_KEY_ENDED_MS
    assert (await store.revoke(made.record.id)).revoked_at == revoked.revoked_at
    assert await refusal(store.revoke(made.record.id, "bob")) == "not_found"
    assert await refusal(store.revoke("0" * 16)) == "not_found"


async def test_two_keys_are_live_while_one_replaces_the_other(store: KeyStore) -> None:
    old = (await make(store, life_ms=HOUR)).record
    new = await store.rotate("acme", old.id, CLI, grace_ms=60_000)
    assert (new.record.name, new.record.scopes, new.record.replaces) == (old.name, old.scopes, old.id)
    assert new.record.expires_at == new.record.created_at + HOUR, "it lives as long as the old one was to live"
    ending = await store.find(old.id)
    assert (ending.state, ending.expires_at) == ("live", new.old_ends)
    assert new.old_ends == new.record.created_at + 60_000
    for either in (old.id, new.record.id):
        assert await refusal(store.rotate("acme", either, CLI, grace_ms=60_000)) == "two_live_keys"
    await store.revoke(old.id)
    assert await refusal(store.rotate("acme", old.id, CLI, grace_ms=60_000)) == "key_ended"
    assert (await store.rotate("acme", new.record.id, CLI, grace_ms=60_000)).record.replaces == new.record.id


async def test_a_rotation_makes_no_key_live_longer_than_it_would(store: KeyStore) -> None:
    old = (await make(store, life_ms=HOUR)).record
    rotated = await store.rotate("acme", old.id, CLI, grace_ms=10 * HOUR)
    assert rotated.old_ends == old.expires_at
    assert await refusal(store.rotate("bob", rotated.record.id, CLI, grace_ms=1)) == "not_found"


async def test_an_owner_has_so_many_keys(store: KeyStore, redis: ArqRedis) -> None:
    made = [(await make(store)).record for _ in range(3)]
    assert await refusal(make(store)) == "too_many_keys"
    await store.revoke(made[0].id)
    assert await refusal(make(store)) == "too_many_keys", "else making and revoking would fill Redis"
    await redis.delete(API_KEY + made[0].id)
    await make(store)
    assert await redis.zcard(f"{API_KEYS}:acme") == await redis.zcard(API_KEYS) == 3


async def test_no_key_lives_longer_than_the_one_that_makes_it(store: KeyStore) -> None:
    mother = (await make(store, life_ms=HOUR)).record
    asker = Asker(mother.id, mother.id, mother.expires_at)
    assert (await make(store, asker)).record.expires_at == mother.expires_at
    assert await refusal(make(store, asker, life_ms=2 * HOUR)) == "forbidden"
    rotated = await store.rotate("acme", mother.id, asker, grace_ms=1000)
    assert rotated.record.expires_at == mother.expires_at, "nor by rotating itself"


async def test_a_key_that_was_revoked_makes_no_other(store: KeyStore) -> None:
    """A web process may not know yet that it was revoked, and Redis does."""
    mother = (await make(store)).record
    await store.revoke(mother.id)
    assert await refusal(make(store, Asker(mother.id, mother.id))) == "unauthorized"


async def test_changes_are_announced(store: KeyStore, redis: ArqRedis) -> None:
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe(ACCOUNTS)
        await pubsub.get_message(timeout=5)
        made = await make(store)
        await store.revoke(made.record.id)
        for _ in range(2):
            message = await pubsub.get_message(timeout=5)
            assert message is not None
            assert message["data"] == f"key {made.record.id}".encode()


async def test_changes_are_in_the_audit_log_without_the_key_or_its_hash(store: KeyStore, redis: ArqRedis) -> None:
    with acting(Actor("create_key", "cli", None, None, None, 1000, HOUR)):
        made = await make(store)
    with acting(Actor("revoke_key", "cli", None, None, None, 1000, HOUR)):
        await store.revoke(made.record.id)
    lines = [AuditLine.read(AUDIT, line_id, raw) for line_id, raw in await redis.xrevrange(AUDIT)]
    assert [(line.action, line.owner, line.thing) for line in lines] == [
        ("revoke_key", "acme", made.record.id),
        ("create_key", "acme", made.record.id),
    ]
    assert lines[1].after is not None
    assert lines[1].after["scopes"] == "images,jobs:read"
    raw = str(await redis.xrange(AUDIT))
    assert made.key not in raw
    assert made.record.digest not in raw


async def test_keys_are_listed_the_newest_first(store: KeyStore, redis: ArqRedis) -> None:
    assert not await has_keys(redis)
    first = await make(store, name="first")
    other = await store.create("bob", "bobs", ["images"], CLI, read_only=True, life_ms=None)
    await redis.zadd(API_KEYS, {first.record.id: 1})

    async def listed(owner: str | None) -> list[KeyRecord]:
        return [key async for key in store.all(owner)]

    assert [key.id for key in await listed(None)] == [other.record.id, first.record.id]
    assert [key.name for key in await listed("acme")] == ["first"]
    assert (await listed("bob"))[0].read_only
    assert await has_keys(redis)
