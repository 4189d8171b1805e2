"""The `notify` option: a URL that gets one event when the job ends, in addition to the subscribed endpoints."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import from_json

from api.http.checks import Checks
from api.http.context import Context
from api.http.json_body import read
from tasks.refusal import Refusal
from tasks.webhook.signature import FORM, key_of

EXAMPLE_URL = "https://example.com/pressroom"
MAX_NOTIFY_CHARS = 4_000
DESCRIPTION = (
    "Where to send an event when the job ends: a URL, or the JSON "
    '`{"url": …, "secret": "whsec_…"}`. The event is signed if there is a `secret`.'
)


Secret = Annotated[str, WithJsonSchema({"type": "string", "pattern": FORM})]
"""A signing secret as it is documented. `key_of` checks it, and says in words what it must be."""


class Notify(BaseModel):
    """Where to send an event when a job ends."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(description="The URL to post the event to.", examples=[EXAMPLE_URL])
    secret: Secret | None = Field(
        None, description="The signing secret: `whsec_` followed by the base64 of 24 to 64 bytes."
    )


def _whole(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


Member = Annotated[Notify, BeforeValidator(_whole, json_schema_input_type=str | Notify), Field(description=DESCRIPTION)]
"""In a JSON body."""
NotifyOption = Annotated[
    str | None, Field(max_length=MAX_NOTIFY_CHARS, description=DESCRIPTION, examples=[EXAMPLE_URL])
]
"""In a query, a header, or a field of a form."""


def checked_notify(context: Context, notify: str | Notify | None) -> str | None:
    """The option as `SubmissionOptions` has it: checked, and not encrypted yet, so that two of them can be compared.

    Args:
        context: The resources of the process.
        notify: A URL, the JSON text of a `Notify`, a `Notify`, or None.

    Returns:
        The JSON of a `Notify` with the URL as it is sent, or None if there is nobody to notify.

    Raises:
        Refusal: `invalid_request`, `invalid_url`, `address_refused`, `invalid_secret`, on a field of `notify`.
    """
    if notify is None:
        return None
    checks = Checks()
    with checks.collect(inside="notify"):
        option = _checked(context, notify)
    checks.done()
    return option.model_dump_json(exclude_none=True)


def _checked(context: Context, notify: str | Notify) -> Notify:
    """Raises: Refusal with all that is wrong, on the fields of a `Notify`."""
    checks, option = Checks(), _read(notify) if isinstance(notify, str) else notify
    url = checks.run(lambda: context.url_policy.check(option.url))
    if option.secret is not None:
        checks.run(lambda: key_of(option.secret or ""))
    checks.done()
    return option.model_copy(update={"url": url})


def _read(notify: str) -> Notify:
    if not notify.lstrip().startswith("{"):
        return Notify(url=notify)
    try:
        from_json(notify)
    except ValueError as error:
        message = f"notify: The text is not valid JSON: {error}. Send a URL, or JSON with 'url' and 'secret'."
        raise Refusal("invalid_request", message, field="body") from error
    return read(notify, Notify)
