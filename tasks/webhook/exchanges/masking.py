"""Hides secrets in what is kept of an exchange: the values of headers, and wherever the receiver repeats them.

Of a request only headers that Pressroom sets itself are shown with their values. What was hidden there is also hidden
in the answer: many servers answer an error with a page that shows the request.
"""

import base64
import binascii
import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

from tasks.webhook.custom_headers import MASK
from tasks.webhook.notify_url import masked_url
from tasks.webhook.signature import text_of

SIGNATURE: Final = "webhook-signature"
SHOWN_HEADERS: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "host",
        "traceparent",
        "tracestate",
        "user-agent",
        "webhook-id",
        "webhook-timestamp",
    }
)
"""Headers of a request that have no secret. Any other is its owner's, or a signature."""
SECRET_HEADER: Final = re.compile(
    "api-?key|access-?key|auth(?!enticate)|cookie|credential|csrf|passw|secret|session|signature|token"
)
"""In the name of an answer's header whose value is hidden."""
URL_HEADERS: Final = frozenset({"location", "content-location"})
MIN_SECRET_CHARS: Final = 6
"""A shorter value is hidden as a header, and not where it is repeated: it would be found in any text."""
MIN_QUERY_CHARS: Final = 8
"""The same of a value in the query of a URL, which may be a word."""
MIN_CUT_CHARS: Final = 4
"""A text that ends with so many first characters of a secret was cut within it."""
MAX_CUT_CHARS: Final = 128
"""First characters of a secret that are compared with the end of a text. More would take milliseconds if a secret of
thousands repeats itself. A text that has all of these near its end has a secret there, however it goes on."""


class SecretMask:
    """Replaces secrets in texts.

    Args:
        secrets: The texts to be hidden.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= MIN_SECRET_CHARS for form in _forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)  # one may be a part of another

    @classmethod
    def of_delivery(cls, url: str, headers: Mapping[str, str], keys: Sequence[bytes], signature: str) -> "SecretMask":
        """What one request to a receiver must not reveal.

        Args:
            url: Where it goes.
            headers: Those that the endpoint's owner added.
            keys: Of the secrets that sign.
            signature: The value of the header that signs it.
        """
        secrets = [*headers.values(), *(value.rpartition(" ")[2] for value in headers.values())]
        secrets += [part for value in headers.values() for part in _basic_parts(value)]
        secrets += [text_of(key) for key in keys]
        secrets += [entry.partition(",")[2] for entry in signature.split()]
        values = [part.partition("=")[2] for part in urlsplit(url).query.split("&")]
        # A receiver decodes them before it shows them.
        values += [decoded for value in values for decoded in (unquote(value), unquote_plus(value))]
        return cls([*secrets, *(value for value in values if len(value) >= MIN_QUERY_CHARS)])

    def hide(self, text: str) -> str:
        """The text, with MASK in place of every secret."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return text

    def hide_end(self, text: str) -> str:
        """A text that was cut, with MASK in place of the beginning of a secret at its end."""
        end = text[-MIN_CUT_CHARS:]
        for form in self._forms if len(end) == MIN_CUT_CHARS else ():
            start = form[:MAX_CUT_CHARS]
            at = text.find(start, -len(form)) if form != start else -1
            if at >= 0:
                return text[:at] + MASK
            found = start.rfind(end)
            while found >= 0:
                if text.endswith(start[: found + MIN_CUT_CHARS]):
                    return text[: -found - MIN_CUT_CHARS] + MASK
                found = start.rfind(end, 0, found + MIN_CUT_CHARS - 1)
        return text

    def request_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers of a request as they are shown."""
        return {name: value if name.lower() in SHOWN_HEADERS else MASK for name, value in headers.items()}

    def response_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers of a response as they are shown; names in lower case."""
        lines = [f"{name}:{_response_value(name, value)}" for name, value in headers.items()]
        parts = (line.partition(":") for line in self.hide("\n".join(lines)).split("\n") if line)
        return {name: value for name, _, value in parts}


def shown_url(url: str) -> str:
    """A URL without user, password and fragment, and without the values of its query."""
    before, slashes, rest = url.partition("#")[0].partition("//")
    authority, slash, path = rest.partition("/")
    return masked_url(before + slashes + authority.rpartition("@")[2] + slash + path)


def _response_value(name: str, value: str) -> str:
    if SECRET_HEADER.search(name):
        return MASK
    return shown_url(value) if name in URL_HEADERS else value


def _basic_parts(value: str) -> tuple[str, ...]:
    """User and password of `Authorization: Basic`, and the password alone, as the receiver decodes them."""
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() != "basic":
        return ()
    try:
        pair = base64.b64decode(encoded + "==")  # some leave the padding out
    except binascii.Error:
        return ()
    texts = (pair.decode(errors="replace"), pair.decode("latin-1"))  # RFC 7617 leaves the encoding open
    return tuple(part for text in texts for part in (text, text.partition(":")[2]))


def _forms(secret: str) -> set[str]:
    """A secret as servers write it: as it is, and in JSON, HTML and URLs."""
    in_json = json.dumps(secret)[1:-1]
    slashes = in_json.replace("/", "\\/")
    pluses = {in_json.replace("+", f"\\u002{digit}") for digit in "Bb"}
    return {secret, in_json, slashes, *pluses, html.escape(secret), quote(secret, safe=""), quote_plus(secret)}
