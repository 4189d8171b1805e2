"""The `notify` URL of a submit: encrypted as a whole at rest, shown without the values of its query."""

from urllib.parse import urlsplit

import pytest

from tasks.outbound.url_policy import check_url
from tasks.refusal import Refusal
from tasks.webhook.notify_url import masked_url, open_url, seal_url
from tasks.webhook.secret_box import SecretBox

URL = "https://hooks.example.com:8443/services/T0CHANNEL/B1SECRET?token=t0kentoken"


@pytest.mark.parametrize("box", [SecretBox.of("k" * 32), SecretBox.of(None)], ids=["sealed", "plain"])
def test_a_sealed_url_opens_to_what_it_was_and_names_its_host(box: SecretBox) -> None:
    for url in (URL, "https://[2606:4700:4700::1111]/x?y"):
        stored = seal_url(url, box)
        assert open_url(stored, box) == url
        assert urlsplit(stored).hostname == urlsplit(url).hostname


def test_a_key_of_another_service_opens_nothing() -> None:
    stored = seal_url(URL, SecretBox.of("k" * 32))
    assert not any(secret in stored for secret in ("t0ken", "T0CHANNEL", "B1SECRET"))
    with pytest.raises(Refusal) as caught:
        open_url(stored, SecretBox.of("x" * 32))
    assert caught.value.code == "secret_unreadable"


def test_what_an_earlier_version_stored_is_used_as_it_is() -> None:
    assert open_url(URL, SecretBox.of("k" * 32)) == URL


def test_an_earlier_version_sends_nothing_to_a_sealed_url() -> None:
    with pytest.raises(Refusal) as caught:
        check_url(seal_url(URL, SecretBox.of("k" * 32)), http_allowed=True)
    assert caught.value.code == "invalid_url"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/b/c", "https://a.example/b/c"),
        ("https://a.example/?", "https://a.example/?"),
        ("https://a.example/b?token=t0ken", "https://a.example/b?token=***"),
        ("https://a.example/b?t0ken", "https://a.example/b?***"),
        ("https://a.example/b?x=&y=1=2&&z=?3", "https://a.example/b?x=&y=***&&z=***"),
    ],
)
def test_the_values_of_a_query_are_not_shown(url: str, shown: str) -> None:
    assert masked_url(url) == shown
