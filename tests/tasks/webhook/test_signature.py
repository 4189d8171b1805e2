"""What we sign is what receivers of Standard Webhooks verify."""

import hmac
import time
from base64 import b64decode, b64encode
from collections.abc import Sequence

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tasks.refusal import Refusal
from tasks.webhook.signature import headers, key_of, new_private_key, new_secret, private_key_of

BODY = '{"type":"invoice.paid","data":{"shop":"Café 東京"}}'.encode()


def signed(secrets: Sequence[str], age_s: float = 0) -> dict[str, str]:
    return headers("event_1", int(time.time() - age_s), BODY, [key_of(secret) for secret in secrets])


@pytest.mark.parametrize(
    ("secret", "message_id", "timestamp_s", "body", "signature"),
    [
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1649367553,
            b'{"email":"test@example.com","username":"test_user"}',
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
    ],
)
def test_the_published_vectors_come_out(
    secret: str, message_id: str, timestamp_s: int, body: bytes, signature: str
) -> None:
    assert headers(message_id, timestamp_s, body, [key_of(secret)]) == {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": signature,
    }


def test_the_published_vector_of_ed25519_comes_out() -> None:
    private = private_key_of(
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
    )
    found = headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [], private_keys=[private])
    assert found["webhook-signature"] == (
        "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
    )


def test_both_kinds_of_signatures_stand_side_by_side() -> None:
    secret, (private, public) = new_secret(), new_private_key()
    found = headers("event_1", int(time.time()), BODY, [key_of(secret)], [private_key_of(private)])
    Webhook(secret).verify(BODY, found)
    first, second = found["webhook-signature"].split()
    assert (first[:3], second[:4]) == ("v1,", "v1a,")
    key = Ed25519PublicKey.from_public_bytes(b64decode(public.removeprefix("whpk_")))
    signed_text = f"event_1.{found['webhook-timestamp']}.".encode() + BODY
    key.verify(b64decode(second[4:]), signed_text)
    with pytest.raises(InvalidSignature):
        key.verify(b64decode(second[4:]), signed_text + b" ")


def test_the_reference_library_verifies_what_we_sign() -> None:
    secret = new_secret()
    assert Webhook(secret).verify(BODY, signed([secret])) == {
        "type": "invoice.paid",
        "data": {"shop": "Café 東京"},
    }


def test_any_bytes_are_signed_as_they_are() -> None:
    key, body = bytes(range(32)), bytes(range(256))
    mac = hmac.new(key, b"event_1.1700000000." + body, "sha256").digest()
    found = headers("event_1", 1_700_000_000, body, [key])
    assert found["webhook-signature"] == f"v1,{b64encode(mac).decode()}"


def test_while_a_secret_is_rotated_either_verifies() -> None:
    new, old, other = (new_secret() for _ in range(3))
    both = signed([new, old])
    Webhook(new).verify(BODY, both)
    Webhook(old).verify(BODY, both)
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(other).verify(BODY, both)


def test_the_newest_key_signs_first() -> None:
    new, old = new_secret(), new_secret()
    entries = signed([new, old])["webhook-signature"].split(" ")
    assert entries == [signed([secret])["webhook-signature"] for secret in (new, old)]


def test_without_keys_there_is_no_signature() -> None:
    assert headers("event_1", 1_700_000_000, BODY, []) == {"webhook-id": "event_1", "webhook-timestamp": "1700000000"}


@pytest.mark.parametrize("changed", ["body", "end", "webhook-id", "webhook-timestamp", "webhook-signature"])
def test_whatever_is_changed_on_the_way_is_noticed(changed: str) -> None:
    secret = new_secret()
    body = {"body": BODY.replace(b"paid", b"void"), "end": BODY + b" "}.get(changed, BODY)
    others = {
        "webhook-id": "event_2",
        "webhook-timestamp": str(int(time.time()) + 60),
        "webhook-signature": f"v1,{b64encode(bytes(32)).decode()}",
    }
    sent = signed([secret]) | {name: value for name, value in others.items() if name == changed}
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(secret).verify(body, sent)


@pytest.mark.parametrize(("age_s", "said"), [(302, "too old"), (-302, "too new")])
def test_a_receiver_refuses_times_beyond_five_minutes(age_s: float, said: str) -> None:
    secret = new_secret()
    Webhook(secret).verify(BODY, signed([secret], age_s * 0.97))
    with pytest.raises(WebhookVerificationError, match=said):
        Webhook(secret).verify(BODY, signed([secret], age_s))


def test_new_secrets_are_32_bytes_that_nobody_had_before() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert {len(key_of(secret)) for secret in secrets} == {32}


@pytest.mark.parametrize("size", [24, 25, 26, 32, 63, 64])
def test_secrets_of_24_to_64_bytes_are_read(size: int) -> None:
    key = bytes(range(256 - size, 256))
    assert key_of("whsec_" + b64encode(key).decode()) == key


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_" + b64encode(bytes(23)).decode(),
        "whsec_" + b64encode(bytes(65)).decode(),
        b64encode(bytes(32)).decode(),  # without its prefix
        "WHSEC_" + b64encode(bytes(32)).decode(),
        "whsk_" + b64encode(bytes(32)).decode(),
        "whsec_whsec_" + b64encode(bytes(32)).decode(),
        "whsec_" + b64encode(bytes(32)).decode().rstrip("="),
        "whsec_" + b64encode(bytes(32)).decode() + "=",
        "whsec_" + b64encode(bytes(32)).decode() + "\n",
        "whsec_ " + b64encode(bytes(32)).decode(),
        "whsec_" + "-_" * 16,  # the other alphabet
        "whsec_" + "é" * 32,
        "whsec_" + "g" * 64 + "!",
    ],
)
def test_anything_else_is_refused_without_repeating_it(secret: str) -> None:
    with pytest.raises(Refusal) as caught:
        key_of(secret)
    assert (caught.value.code, caught.value.field) == ("invalid_secret", "secret")
    assert len(secret) < 7 or secret not in caught.value.message
