"""What a submit may say of the files that its job makes."""

import re
from collections.abc import Callable
from typing import Any, Final, get_args

from pydantic import Field

from api.http.caller import Caller, RequestedOptions
from api.http.checks import Checks
from api.jobs.submit_options import SubmitFields, SubmitOptions, add_options, form_parsers
from api.outputs.keep import KEEP, KEEP_SCHEMA, most_keep_s, read_keep
from tasks.destinations.record import NAME
from tasks.kind import Kind
from tasks.public_files.urls import FileUrls
from tasks.refusal import Refusal
from tasks.validation import shown

URLS: Final = (
    "Which URLs `url` and `markup` of the job have: `private` ones need an API key, `public` ones are signed, and "
    "anyone who has one can open it as long as the job has its files. The default is FILE_URLS (`private`)."
)

DESTINATION: Final = (
    "The name of one of your destinations, which an admin has made: the files are copied there when the job ends."
)


class OutputOptions(SubmitOptions):
    """Query parameters of submits whose jobs make files."""

    urls: FileUrls | None = Field(None, description=URLS)
    keep: str | None = Field(None, description=KEEP, examples=["90d"], json_schema_extra=KEEP_SCHEMA)

    destination: str | None = Field(None, pattern=NAME, description=DESTINATION)

    def fields(self, caller: Caller, kind: Kind[Any] | None) -> RequestedOptions:
        """As `SubmitOptions.fields`, with these."""
        checks = Checks()
        options = checks.run(lambda: super(OutputOptions, self).fields(caller, kind)) or {}
        keep_s = checks.run(lambda: read_keep(most_keep_s(caller), self.keep))
        checks.done()
        return {**options, "urls": self.urls, "keep_s": keep_s, "destination": self.destination}


class OutputFields(SubmitFields):
    """What the JSON body of such a submit may say, instead of its query."""

    urls: FileUrls | None = Field(None, description=URLS)
    keep: str | None = Field(None, description=KEEP, examples=["90d"], json_schema_extra=KEEP_SCHEMA)

    destination: str | None = Field(None, pattern=NAME, description=DESTINATION)

    def add_to(self, options: RequestedOptions, caller: Caller) -> None:
        """As `SubmitFields.add_to`, with these."""
        checks = Checks()
        checks.run(lambda: super(OutputFields, self).add_to(options, caller))
        keep_s = checks.run(lambda: read_keep(most_keep_s(caller), self.keep))
        checks.done()
        add_options(options, urls=self.urls, destination=self.destination)
        if keep_s is not None:
            options["keep_s"] = keep_s  # the body counts, as it always did


def output_parsers(caller: Caller, submit_options: RequestedOptions) -> dict[str, Callable[[str], Any]]:
    """What reads the fields of a form, by name; as `form_parsers`, with these."""
    return {
        **form_parsers(caller, submit_options),
        "keep": lambda text: submit_options.update({"keep_s": read_keep(most_keep_s(caller), text)}),
        "destination": lambda text: add_options(submit_options, destination=_read_destination(text)),
        "urls": lambda text: add_options(submit_options, urls=_read_urls(text)),
    }


def _read_destination(text: str) -> str:
    if re.fullmatch(NAME, text) is None:
        message = f"destination: {shown(text)} is not allowed. Send the name of a destination."
        raise Refusal("invalid_request", message, field="destination")
    return text


def _read_urls(text: str) -> FileUrls:
    for known in get_args(FileUrls):
        if text == known:
            return known  # type: ignore[no-any-return]
    message = f"urls: {shown(text)} is not allowed. Send 'private' or 'public'."
    raise Refusal("invalid_request", message, field="urls")
