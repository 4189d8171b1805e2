"""What is kept of an exchange: texts, cut where they are long, and of anything else its length."""

import json
import random
import time
from typing import Any

import pytest

from tasks.outbound.protocol import OutboundError, OutboundRequest, OutboundResponse
from tasks.webhook.custom_headers import MAX_BYTES, MAX_HEADERS
from tasks.webhook.exchanges.exchange import MAX_HEADER_BYTES, MAX_VALUE_CHARS, exchange_of
from tasks.webhook.exchanges.masking import SecretMask

REQUEST = OutboundRequest("https://a.example/hook?token=t", b'{"type":"a"}', {"content-type": "application/json"})
NO_SECRETS = SecretMask(())


def of(
    answer: OutboundResponse | OutboundError, request: OutboundRequest = REQUEST, mask: SecretMask = NO_SECRETS
) -> dict[str, Any]:
    """What is kept, with 100 bytes of each body."""
    kept: dict[str, Any] = json.loads(exchange_of(request, answer, mask, 100))
    return kept


def body_of(content: bytes, mask: SecretMask = NO_SECRETS, status: int = 500, **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body: dict[str, Any] = of(OutboundResponse(status, named, content, {}), mask=mask)["response"]["body"]
    return body


def test_request_and_response_are_kept() -> None:
    answer = OutboundResponse(503, {"server": "nginx", "content-length": "4"}, b"busy", {}, sent={"host": "a.example"})
    assert of(answer) == {
        "request": {
            "method": "POST",
            "url": "https://a.example/hook?token=***",
            "headers": {"host": "a.example"},
            "body": {"bytes": 12, "truncated": False, "text": '{"type":"a"}'},
        },
        "response": {
            "status": 503,
            "headers": {"server": "nginx", "content-length": "4"},
            "headers_truncated": False,
            "body": {"bytes": 4, "truncated": False, "text": "busy"},
        },
    }


def test_without_a_response_the_request_is_kept() -> None:
    kept = of(OutboundError("dns_failed", "No such host."))
    assert kept.keys() == {"request"}
    assert kept["request"]["headers"] == {"content-type": "application/json"}


def test_a_long_body_is_cut_between_characters() -> None:
    content = ("x" + "é" * 80).encode()
    kept = of(OutboundError("dns_failed", ""), request=OutboundRequest("https://a.example", content))
    assert kept["request"]["body"] == {"bytes": 161, "truncated": True, "text": "x" + "é" * 49}
    assert body_of(content[:101]) == {"truncated": True, "text": "x" + "é" * 49}
    assert body_of(content[:101], content_length="161")["bytes"] == 161


@pytest.mark.parametrize(
    ("content", "headers", "shown"),
    [
        (b"", {}, {"bytes": 0, "truncated": False}),
        (b"\x89PNG\r\n\x1a\n\0", {}, {"bytes": 9, "truncated": False}),
        (b"\xff\xd8\xff", {"content_type": "image/jpeg"}, {"bytes": 3, "truncated": False}),
        (b"a\0b", {"content_type": "text/plain"}, {"bytes": 3, "truncated": False}),
        (b"gr\xf6\xdfe", {"content_type": "text/plain; charset=ISO-8859-1"}, {"text": "größe"}),
        ("größe".encode("utf-16"), {"content_type": 'text/html; charset="utf-16"'}, {"text": "größe"}),
        ("大".encode("shift_jis"), {"content_type": "text/plain;charset=Shift_JIS"}, {"text": "大"}),
        (b"ok", {"content_type": "text/plain; charset=no-such-thing"}, {"text": "ok"}),
        (b"6f6b", {"content_type": "text/plain; charset=hex"}, {"text": "6f6b"}),
        (b"ok", {"content_length": "17"}, {"bytes": 17, "truncated": True, "text": "ok"}),
        (b"", {"content_length": "17", "status": 304}, {"bytes": 0, "truncated": False}),
        (b"ok", {"content_length": "9" * 5000}, {"bytes": 10**18 - 1, "truncated": True, "text": "ok"}),
        (b"ok", {"content_length": "\u00b2"}, {"text": "ok"}),
    ],
)
def test_a_body_is_shown_as_the_text_that_it_is(content: bytes, headers: dict[str, Any], shown: dict[str, Any]) -> None:
    assert body_of(content, **headers) == {"bytes": len(content), "truncated": False} | shown


def test_a_secret_in_any_encoding_and_across_the_limit_is_hidden() -> None:
    mask = SecretMask(["secret-token"])
    assert body_of("secret-token".encode("utf-16"), mask, content_type="a/b; charset=utf-16")["text"] == "***"
    assert body_of(b"x" * 90 + b"secret-token, and more", mask)["text"] == "x" * 90 + "***"
    assert body_of(b"x" * 95 + b"secret-token, and more", mask)["text"] == "x" * 95 + "***"


def test_many_and_long_headers_are_cut() -> None:
    headers = {f"x-{number}": "v" * 1000 for number in range(40)}
    response = of(OutboundResponse(500, headers, b"", {}))["response"]
    assert response["headers_truncated"]
    assert 10 < len(response["headers"]) <= MAX_HEADER_BYTES // 1000
    long = {"x-long": "v" * (MAX_VALUE_CHARS - 5) + "secret-token", "x-next": "1"}
    response = of(OutboundResponse(500, long, b"", {}), mask=SecretMask(["secret-token"]))["response"]
    assert response["headers_truncated"]
    assert response["headers"] == {"x-long": "v" * (MAX_VALUE_CHARS - 5) + "***", "x-next": "1"}


def test_whatever_comes_something_is_kept_and_soon() -> None:
    """The worst that owner and receiver can do together: it is done in the event loop."""
    chance = random.Random(1)  # noqa: S311 - the same each time
    headers = {f"x-{number}": "s/+" * (MAX_BYTES // MAX_HEADERS // 3) + str(number) for number in range(MAX_HEADERS)}
    mask = SecretMask.of_delivery("https://a.example/?a=" + "b" * 1000, headers, [], "")
    answers = {f"r-{number}": "s/+" * 10 for number in range(2000)}
    worst = OutboundResponse(500, {"x-all": "s/+" * 20_000, **answers}, b"s/+" * 11_000, {})
    began = time.process_time()
    exchange_of(REQUEST, worst, mask, 32 * 1024)
    assert time.process_time() - began < 0.1
    for _ in range(2000):
        content = chance.randbytes(chance.randrange(120))
        charset = chance.choice(["", "utf-8", "utf-7", "utf-16", "idna", "punycode", "zlib", "unicode_escape", "cp932"])
        answer = OutboundResponse(500, {"content-type": f"text/plain; charset={charset}"}, content, {})
        json.loads(exchange_of(REQUEST, answer, mask, 100))
