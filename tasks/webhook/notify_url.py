"""The `notify` URL of a submit at rest, and as it is shown: what is in its query may be a token."""

import json
from typing import Final
from urllib.parse import urlsplit

from tasks.webhook.custom_headers import MASK
from tasks.webhook.events import ONE_OFF
from tasks.webhook.secret_box import SecretBox

SCHEME: Final = "sealed://"


def seal_notify(option: str | None, box: SecretBox) -> str | None:
    """The `notify` option of a submit as records have it.

    Args:
        option: JSON of the URL and, if the event is to be signed, of its secret; None for none.
        box: Encrypts both.
    """
    if option is None:
        return None
    given: dict[str, str] = json.loads(option)
    stored = {"url": seal_url(given["url"], box)}
    if "secret" in given:
        stored["secret"] = box.seal(given["secret"], ONE_OFF)
    return json.dumps(stored)


def seal_url(url: str, box: SecretBox) -> str:
    """A URL as a record has it: the host, which names the lane of its deliveries, and the whole of it encrypted.

    To a worker of an earlier version this is a URL that it may not use, so it tries again later, as the schedule says.
    """
    return f"{SCHEME}{urlsplit(url).netloc}/{box.seal(url, ONE_OFF)}"


def open_url(stored: str, box: SecretBox) -> str:
    """The URL of a record. Earlier versions stored it as it was. Raises: Refusal `secret_unreadable`."""
    if not stored.startswith(SCHEME):
        return stored
    return box.open(stored.removeprefix(SCHEME).partition("/")[2], ONE_OFF)


def masked_url(url: str) -> str:
    """A URL to be shown: with the names in its query, and without their values."""
    before, mark, query = url.partition("?")
    if not query:
        return url
    return before + mark + "&".join(_masked(part) for part in query.split("&"))


def _masked(part: str) -> str:
    name, equals, value = part.partition("=")
    if not equals:
        return MASK if name else ""
    return f"{name}={MASK}" if value else part
