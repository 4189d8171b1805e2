"""Secrets are hidden wherever they stand, in whatever form, and nothing else is."""

import base64
import html
import json
import time
from urllib.parse import quote, quote_plus

import pytest

from tasks.webhook.exchanges.masking import SecretMask, shown_url
from tasks.webhook.signature import key_of, new_secret

TOKEN = "Bearer t0k/en+with&<odd>=chars"


def of_delivery(url: str = "https://shop.example/hook", **headers: str) -> SecretMask:
    return SecretMask.of_delivery(url, headers, [], "")


@pytest.mark.parametrize(
    "written",
    [
        TOKEN,
        TOKEN.partition(" ")[2],
        json.dumps({"token": TOKEN}),
        json.dumps({"token": TOKEN}).replace("/", "\\/"),
        json.dumps({"token": TOKEN}).replace("+", "\\u002B"),
        html.escape(TOKEN),
        f"https://shop.example/?token={quote(TOKEN, safe='')}",
        f"token={quote_plus(TOKEN)}",
    ],
)
def test_a_header_that_is_repeated_is_hidden(written: str) -> None:
    shown = of_delivery(authorization=TOKEN).hide(f"before {written} after")
    assert "***" in shown
    assert "t0k" not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


@pytest.mark.parametrize(
    ("value", "decoded"),
    [("abcdefgh%20ij", "abcdefgh ij"), ("abcdefgh+ij", "abcdefgh ij"), ("ab%2Bcd+efgh", "ab+cd+efgh")],
)
def test_a_value_of_a_query_is_hidden_as_the_receiver_decodes_it(value: str, decoded: str) -> None:
    mask = of_delivery(f"https://shop.example/hook?token={value}")
    assert mask.hide(f"no token {decoded} or {value}") == "no token *** or ***"
    assert mask.hide(json.dumps({"token": decoded})) == '{"token": "***"}'


@pytest.mark.parametrize("scheme", ["Basic", "basic"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("padding", ["=", ""])
def test_a_password_is_hidden_as_the_receiver_decodes_it(scheme: str, encoding: str, padding: str) -> None:
    encoded = base64.b64encode("shop:hünter:22".encode(encoding)).decode().rstrip("=") + padding
    mask = of_delivery(authorization=f"{scheme} {encoded}")
    assert mask.hide("hünter:22 is wrong, shop:hünter:22 too") == "*** is wrong, *** too"


def test_what_is_no_pair_of_user_and_password_hides_itself_alone() -> None:
    for value in ("Basic", "Basic a", "Basic not/base64", "Digest c2hvcDpodW50ZXI="):
        assert of_delivery(authorization=value).hide("shop:hunter and a text") == "shop:hunter and a text"


def test_secret_and_signatures_are_hidden() -> None:
    secret = new_secret()
    mask = SecretMask.of_delivery("https://a.example", {}, [key_of(secret)], "v1,Zmlyc3Q= v1a,c2Vjb25k")
    assert mask.hide(f"{secret}: v1,Zmlyc3Q= or v1a,c2Vjb25k") == "whsec_***: v1,*** or v1a,***"


def test_short_values_and_words_stay() -> None:
    mask = of_delivery("https://a.example/?page=2&kind=order&token=0123456789", **{"x-shop": "7"})
    assert mask.hide("page 2 of order 7, token 0123456789") == "page 2 of order 7, token ***"


@pytest.mark.parametrize("chars", range(4, len(TOKEN)))
def test_the_beginning_of_a_secret_at_the_end_of_a_text_that_was_cut_is_hidden(chars: int) -> None:
    mask = of_delivery(authorization=TOKEN)
    assert mask.hide_end("text " + TOKEN[:chars]).rstrip("*") == "text "


def test_texts_that_end_otherwise_stay() -> None:
    mask = of_delivery(authorization="aaab-aaab-secret")
    for text in ("", "a", "aaa", "an end", "aaab!", "secret"):
        assert mask.hide_end(text) == text
    assert mask.hide_end("xaaab-aaab") == "x***"
    assert mask.hide_end("xaaab-aab-aaab") == "xaaab-aab-***"


@pytest.mark.parametrize("chars", [4, 127, 128, 129, 2_000, 3_899])
def test_the_beginning_of_a_long_secret_is_hidden_however_long_it_is(chars: int) -> None:
    secret = "".join(f"{number:04x}" for number in range(975))
    assert of_delivery(authorization=secret).hide_end("text " + secret[:chars]) == "text ***"


@pytest.mark.parametrize("text", ["b" * 4_000 + "baaaa", "b" + "a" * 3_899, "x" * 4_096])
def test_a_long_secret_that_repeats_itself_takes_no_time(text: str) -> None:
    mask = of_delivery(authorization="x" + "a" * 3_900)
    best_s = min(_seconds_of_hiding(mask, text) for _ in range(5))
    assert best_s < 0.001


def _seconds_of_hiding(mask: SecretMask, text: str) -> float:
    began = time.perf_counter()
    mask.hide_end(text)
    return time.perf_counter() - began


def test_of_a_request_only_headers_without_secrets_are_shown() -> None:
    headers = {"Host": "a.example", "content-type": "application/json", "webhook-id": "1", "webhook-signature": "v1,x"}
    shown = of_delivery().request_headers({**headers, "x-shop": "7", "authorization": TOKEN})
    assert shown == {**headers, "webhook-signature": "***", "x-shop": "***", "authorization": "***"}


@pytest.mark.parametrize(
    "name",
    [
        "set-cookie",
        "authorization",
        "proxy-authorization",
        "authentication-info",
        "x-api-key",
        "x-apikey",
        "x-auth-token",
        "x-csrf-token",
        "x-amz-security-token",
        "x-session-id",
        "webhook-signature",
        "x-client-secret",
        "x-password",
    ],
)
def test_of_a_response_what_may_have_a_secret_is_hidden(name: str) -> None:
    assert of_delivery().response_headers({name: "anything"}) == {name: "***"}


def test_of_a_response_the_rest_is_shown_without_what_the_request_hides() -> None:
    headers = {
        "www-authenticate": 'Bearer error="invalid_token"',
        "location": "https://me:pw@login.example/in?state=17&token=abc#access=x",
        "x-echo": f"you sent {TOKEN}",
        "x-empty": "",
        "retry-after": "2",
    }
    assert of_delivery(authorization=TOKEN).response_headers(headers) == {
        **headers,
        "location": "https://login.example/in?state=***&token=***",
        "x-echo": "you sent ***",
    }
    assert of_delivery().response_headers({}) == {}


def test_a_url_is_shown_without_what_may_be_secret_in_it() -> None:
    assert shown_url("https://me:pw@a.example:8443/b/c?d=e&f#g") == "https://a.example:8443/b/c?d=***&***"
    assert shown_url("https://a.example/@b?c@d=e") == "https://a.example/@b?c@d=***"
    assert shown_url("/in#token") == "/in"
    assert shown_url("https://a.example") == "https://a.example"
