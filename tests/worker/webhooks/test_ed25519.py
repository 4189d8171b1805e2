"""Ed25519 signatures beside those of the secret: a real engine, real sockets."""

from base64 import b64decode

from arq.connections import ArqRedis
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook

from tasks.queue.redis_keys import ENDPOINT
from tasks.webhook.endpoint_record import EndpointRecord
from tests.support.receivers import Receiver, Request
from tests.support.webhook_harness import delivering


def public_keys(endpoint: EndpointRecord) -> list[str]:
    return [pair.public for pair in endpoint.key_pairs]


def verified_by(request: Request, *keys: str) -> list[str]:
    """Those of the public keys that verify one of its signatures."""
    headers = request.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    entries = [entry.partition(",") for entry in headers["webhook-signature"].split()]
    signatures = [b64decode(text) for version, _, text in entries if version == "v1a"]
    return [key for key in keys if any(_verifies(key, signature, signed) for signature in signatures)]


def _verifies(key: str, signature: bytes, signed: bytes) -> bool:
    assert key.startswith("whpk_")
    try:
        Ed25519PublicKey.from_public_bytes(b64decode(key[5:])).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


async def test_an_endpoint_may_ask_for_them_and_rotates_both(redis: ArqRedis) -> None:
    async with delivering(redis, secret_key="k" * 40) as webhooks, Receiver() as receiver:
        endpoint, secret = await webhooks.subscribe(receiver.url)
        assert public_keys(endpoint) == []
        await webhooks.delivered(await webhooks.publish(), endpoint)
        endpoint = await webhooks.endpoints.change("dev", endpoint.id, {"ed25519": True})
        [old] = public_keys(endpoint)
        await webhooks.delivered(await webhooks.publish(), endpoint)
        new_secret, _ = await webhooks.endpoints.rotate("dev", endpoint.id, overlap_s=3600)
        rotated = await webhooks.endpoints.read("dev", endpoint.id)
        new, kept = public_keys(rotated)
        assert (kept, new != old) == (old, True)
        await webhooks.delivered(await webhooks.publish(), endpoint)
        await webhooks.endpoints.rotate("dev", endpoint.id, overlap_s=0)
        [last] = public_keys(await webhooks.endpoints.read("dev", endpoint.id))
        await webhooks.delivered(await webhooks.publish(), endpoint)
        await webhooks.endpoints.change("dev", endpoint.id, {"ed25519": False})
        await webhooks.delivered(await webhooks.publish(), endpoint)
        again = await webhooks.endpoints.change("dev", endpoint.id, {"ed25519": True})
        assert public_keys(again) == [last], "turned off and on, it is the same key"

        plain, signed, both, replaced, off = receiver.requests
        keys = (old, new, last)
        assert [verified_by(one, *keys) for one in receiver.requests] == [[], [old], [old, new], [last], []]
        for request in (plain, signed, both):
            Webhook(secret).verify(request.body.decode(), request.headers)
        Webhook(new_secret).verify(both.body.decode(), both.headers)
        assert [one.headers["webhook-signature"].count("v1a,") for one in (plain, replaced, off)] == [0, 1, 0]
        stored = await redis.hget(ENDPOINT + endpoint.id, "key_pairs")
        assert stored is not None
        assert (b"whsk_" in stored, b"aes256gcm:" in stored) == (False, True)
