"""`verify_webhook` accepts what Pressroom signed, and nothing else."""

import time

import pytest
from pressroom_client import SignatureError, verify_webhook

from tasks.webhook.signature import new_secret
from tests.docs.test_receivers_code import BODY, EVENT, Request, requests


def test_it_accepts_what_pressroom_signed_and_nothing_else() -> None:
    secret = new_secret()
    for one in requests(secret):
        given = {name.title(): value for name, value in one.headers.items()}
        if one.sound:
            event = verify_webhook(one.body, given, secret)
            assert (event.id, event.type, event.data) == (one.headers["webhook-id"], "invoice.paid", EVENT), one.why
        else:
            with pytest.raises(SignatureError):
                verify_webhook(one.body, given, secret)


@pytest.mark.parametrize("sent_at", ["9" * 400, "9" * 5_000, "nan", "inf", "1e9", "-1", "١٢٣", "1_795_000_000"])
def test_an_odd_time_is_refused_like_any_other(sent_at: str) -> None:
    secret = new_secret()
    [sound] = [one for one in requests(secret) if one.why == "fresh"]
    with pytest.raises(SignatureError):
        verify_webhook(BODY, sound.headers | {"webhook-timestamp": sent_at}, secret)


@pytest.mark.parametrize("text", ["\ud800", "v1,\ud800", "v1,ü"])
def test_odd_text_in_headers_is_refused_like_any_other(text: str) -> None:
    odd = {"webhook-id": text, "webhook-timestamp": str(int(time.time())), "webhook-signature": text}
    with pytest.raises(SignatureError):
        verify_webhook(BODY, odd, new_secret())


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_***", "secret"])
def test_no_secret_is_an_error_of_the_program(secret: str) -> None:
    sound: Request = next(iter(requests(new_secret())))
    with pytest.raises(ValueError, match="whsec_") as caught:
        verify_webhook(sound.body, sound.headers, secret)
    assert not isinstance(caught.value, SignatureError)
