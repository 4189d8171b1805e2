"""Upload tokens in Redis: what opens one, and that each use is used once."""

import asyncio
from dataclasses import replace

import pytest
from arq.connections import ArqRedis

from tasks.accounts.tokens import token_text
from tasks.accounts.tokens.upload_tokens import UploadGrant, UploadToken, UploadTokens
from tasks.blob_ref import BlobRef
from tasks.queue.account_keys import UPLOAD_TOKEN, UPLOAD_TOKENS
from tasks.queue.connect import close, connect
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.uploads.store import keep
from tests.support.queue.submissions import record_of, submission, submit

GRANT = UploadGrant(
    origin="https://app.example.com",
    target="images",
    max_bytes=1_000_000,
    types=("image/jpeg", "image/png"),
    variants="avatar",
    uses=3,
    metadata='{"user": 42}',
    tags=("profile",),
)


@pytest.fixture
def tokens(redis: ArqRedis, settings: Settings) -> UploadTokens:
    return UploadTokens(redis, settings)


async def made(tokens: UploadTokens, *, owner: str = "dev", seconds: int = 60, **changes: object) -> tuple[str, str]:
    """A new token, and its id."""
    token, record = await tokens.create(owner, None, replace(GRANT, **changes), seconds=seconds)  # type: ignore[arg-type]
    return token, record.id


async def opened(tokens: UploadTokens, token: str, *, is_try: bool = False) -> UploadToken:
    found = await tokens.open(token, is_try=is_try)
    assert found is not None
    return found


async def code_of(enqueuer: Enqueuer, token_id: str, **fields: object) -> str:
    """What becomes of a submit with the token: `created`, `same`, or the code of a refusal."""
    try:
        submitted = await enqueuer.enqueue(submission(upload_token=token_id, **fields))
    except Refusal as refusal:
        return refusal.code
    return "created" if submitted.created else "same"


async def test_a_token_is_opened_as_it_was_made_and_stored_nowhere(redis: ArqRedis, tokens: UploadTokens) -> None:
    token, record = await tokens.create("dev", None, GRANT, seconds=60)
    assert await tokens.open(token, is_try=False) == record
    assert (record.owner, record.key_id, record.grant, record.used) == ("dev", None, GRANT, 0)
    assert record.expires_at - record.created_at == 60_000
    stored = {key: await redis.dump(key) or b"" async for key in redis.scan_iter()}
    secret = token.removeprefix(token_text.UPLOAD).encode()
    assert all(secret not in key + dump for key, dump in stored.items())
    assert 0 < await redis.pttl(UPLOAD_TOKEN + record.id) <= 60_000


@pytest.mark.parametrize("change", ["x", "", "cut", "other"])
async def test_what_is_not_the_token_opens_nothing(tokens: UploadTokens, change: str) -> None:
    token, _ = await made(tokens)
    wrong = {"x": token + "x", "": "", "cut": token[:-1], "other": token_text.upload_token()}[change]
    assert await tokens.open(wrong, is_try=True) is None


async def test_a_token_with_a_wrong_checksum_costs_no_look_up(settings: Settings) -> None:
    nobody = connect("redis://127.0.0.1:1")
    assert await UploadTokens(nobody, settings).open(token_text.upload_token()[:-1] + "!", is_try=True) is None
    await close(nobody)


async def test_an_expired_token_is_gone(tokens: UploadTokens, redis: ArqRedis, enqueuer: Enqueuer) -> None:
    token, token_id = await made(tokens)
    await redis.pexpire(UPLOAD_TOKEN + token_id, 1)
    while await redis.exists(UPLOAD_TOKEN + token_id):
        await asyncio.sleep(0.001)
    assert await tokens.open(token, is_try=True) is None
    assert await code_of(enqueuer, token_id) == "unauthorized"
    assert await tokens.list("dev", 10) == []


async def test_only_the_owner_revokes_a_token(tokens: UploadTokens, enqueuer: Enqueuer, redis: ArqRedis) -> None:
    token, token_id = await made(tokens)
    assert [one.id for one in await tokens.list("dev", 10)] == [token_id]
    assert not await tokens.revoke("mallory", token_id)
    assert await tokens.open(token, is_try=False)
    assert await tokens.revoke("dev", token_id)
    assert not await tokens.revoke("dev", token_id)
    assert await tokens.open(token, is_try=False) is None
    assert await code_of(enqueuer, token_id) == "unauthorized"
    assert await redis.zcard(UPLOAD_TOKENS + "dev") == 0


async def test_uses_are_counted_exactly_however_many_come_at_once(tokens: UploadTokens, enqueuer: Enqueuer) -> None:
    token, token_id = await made(tokens, uses=3)
    codes = await asyncio.gather(*(code_of(enqueuer, token_id) for _ in range(20)))
    assert sorted(codes) == ["created"] * 3 + ["token_used"] * 17
    assert (await opened(tokens, token)).used == 3


async def test_a_refused_submit_uses_up_nothing(redis: ArqRedis, settings: Settings, tokens: UploadTokens) -> None:
    full = Enqueuer(redis, settings.model_copy(update={"owner_max_waiting": 1}))
    token, token_id = await made(tokens, uses=1)
    await submit(full)
    assert await code_of(full, token_id) == "owner_queue_full"
    assert (await opened(tokens, token)).used == 0
    assert await code_of(Enqueuer(redis, settings), token_id) == "created"
    assert (await opened(tokens, token)).used == 1


async def test_a_repeat_with_the_same_idempotency_key_uses_up_nothing(tokens: UploadTokens, enqueuer: Enqueuer) -> None:
    token, token_id = await made(tokens, uses=1)
    assert await code_of(enqueuer, token_id, idempotency_key="a") == "created"
    assert await code_of(enqueuer, token_id, idempotency_key="a") == "same"
    assert await code_of(enqueuer, token_id, idempotency_key="b") == "token_used"
    assert (await opened(tokens, token)).used == 1


async def test_an_idempotency_key_of_a_page_means_no_job_of_another(tokens: UploadTokens, enqueuer: Enqueuer) -> None:
    """Else a page that guesses a key and its content would be given the job of somebody else."""
    _, mine = await made(tokens)
    _, other = await made(tokens)
    await submit(enqueuer, idempotency_key="a")
    assert await code_of(enqueuer, mine, idempotency_key="a") == "created"
    assert await code_of(enqueuer, other, idempotency_key="a") == "created"


async def test_an_upload_takes_one_use_too(redis: ArqRedis, tokens: UploadTokens) -> None:
    _, token_id = await made(tokens, uses=1)
    blob = BlobRef("a" * 64, 10)
    await keep(redis, "dev", blob, name=None, seconds=60, upload_token=token_id)
    with pytest.raises(Refusal, match="token_used"):
        await keep(redis, "dev", blob, name=None, seconds=60, upload_token=token_id)


async def test_tries_have_a_limit(redis: ArqRedis, settings: Settings) -> None:
    """Each may send as many bytes as an upload has, and nothing else counts those that are refused."""
    tokens = UploadTokens(redis, settings.model_copy(update={"upload_token_tries": 2}))
    token, _ = await made(tokens, uses=2)
    for _ in range(4):
        assert await tokens.open(token, is_try=True)
    with pytest.raises(Refusal, match="UPLOAD_TOKEN_TRIES") as caught:
        await tokens.open(token, is_try=True)
    assert caught.value.code == "rate_limited"
    assert await tokens.open(token, is_try=False)


async def test_an_owner_has_so_many_tokens_at_a_time(redis: ArqRedis, settings: Settings) -> None:
    tokens = UploadTokens(redis, settings.model_copy(update={"owner_max_upload_tokens": 2}))
    first = await made(tokens)
    await made(tokens)
    with pytest.raises(Refusal) as caught:
        await made(tokens)
    assert (caught.value.code, caught.value.limit) == ("too_many_upload_tokens", 2)
    await made(tokens, owner="bob")
    await tokens.revoke("dev", first[1])
    await made(tokens)


async def test_a_record_knows_who_may_see_it(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    job_id = "5" * 32
    token = token_text.job_token(job_id, "salt")
    assert token == token_text.job_token(job_id, "salt") != token_text.job_token(job_id, "other")
    assert token_text.job_of_token(token) == job_id
    assert await submit(enqueuer, job_id=job_id, viewer=token_text.digest_of(token)) == job_id
    assert (await record_of(redis, job_id)).viewer == token_text.digest_of(token)
