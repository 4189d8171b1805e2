"""`notify`: where the end of what is submitted is to be told, once, besides the endpoints that asked for it."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.http.context import Context
from api.http.json_body import read
from tasks.refusal import Refusal
from tasks.webhook.events import ONE_OFF
from tasks.webhook.signature import key_of

EXAMPLE_URL = "https://example.com/pressroom"
DESCRIPTION = (
    "Where the job's end is told, as an event that is signed if there is a `secret`: an address, or the JSON "
    '`{"url": …, "secret": "whsec_…"}`.'
)


class Notify(BaseModel):
    """Where a job's end is told."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(examples=[EXAMPLE_URL])
    secret: str | None = Field(None, description="`whsec_` and the base64 of 24 to 64 bytes, to sign with.")


def _whole(said: Any) -> Any:
    return {"url": said} if isinstance(said, str) else said


Member = Annotated[Notify, BeforeValidator(_whole, json_schema_input_type=str | Notify), Field(description=DESCRIPTION)]
"""In a JSON body."""
NotifyOption = Annotated[str | None, Field(max_length=4_000, description=DESCRIPTION, examples=[EXAMPLE_URL])]
"""In a query, or as a field of a form."""


def encrypted_notify(context: Context, notify: str | Notify | None) -> str | None:
    """What a job remembers of it: JSON, with the secret sealed.

    Raises: Refusal `invalid_request`, `invalid_url`, `address_refused`, `invalid_secret`, on a field of `notify`.
    """
    if notify is None:
        return None
    try:
        said = _read(notify) if isinstance(notify, str) else notify
        context.addresses.check(said.url)
        kept: dict[str, Any] = {"url": said.url}
        if said.secret is not None:
            key_of(said.secret)
            kept["secret"] = context.box.seal(said.secret, ONE_OFF)
    except Refusal as refusal:
        refusal.field = "notify" if refusal.field in (None, "notify") else f"notify.{refusal.field}"
        raise
    return json.dumps(kept)


def _read(notify: str) -> Notify:
    return read(notify, Notify, "notify") if notify.lstrip().startswith("{") else Notify(url=notify)
