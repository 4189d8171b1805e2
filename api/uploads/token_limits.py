"""What a request with an upload token may say: the file and its name. The rest the token has fixed, or forbids."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel, Field
from starlette.requests import Request

from api.http.checks import Checks
from api.jobs.submit_options import NOTIFY_HEADER, check_key
from api.labels import METADATA_HEADER, TAGS_HEADER
from api.uploads.receive import read_name
from tasks.accounts.tokens.upload_tokens import Target, UploadToken
from tasks.refusal import Fault, Refusal
from tasks.validation import refusal_of, shown

MAX_NAME_CHARS: Final = 255
ALLOWED: Final = ("name",)
OPTION_HEADERS: Final = (NOTIFY_HEADER, TAGS_HEADER, METADATA_HEADER)
TOKEN_REFUSALS: Final = ("token_used", "token_forbids", "foreign_origin", "unsupported_format", "rate_limited")
"""What an upload may be refused with for its token."""
PLACES: Final[Mapping[Target, str]] = {"images": "/v1/images", "uploads": "/v1/uploads"}


class TokenUpload(BaseModel):
    """What a page is answered that has submitted an image with an upload token."""

    id: str = Field(description="The id of the job.")
    token: str = Field(
        description="A token with which the state of this job, its events and its files can be had, and nothing else, "
        "as long as there is the job.",
        examples=["pr_job_…"],
    )


def check_target(token: UploadToken, target: Target) -> None:
    """Raises: Refusal `token_forbids`: the token is for uploads to another place."""
    if token.grant.target != target:
        raise Refusal(
            "token_forbids",
            f"This upload token is for POST {PLACES[token.grant.target]}, and for nothing else.",
            field="Authorization",
        )


def check_options(request: Request, checks: Checks) -> str | None:
    """Check the query and the headers of a request that has come with an upload token.

    Args:
        request: The request.
        checks: Those of the request.

    Returns:
        The name that the query has.
    """
    given = request.query_params.multi_items()
    refuse_fields([name for name, _ in given if name not in ALLOWED], checks)
    refuse_fields([name for name in OPTION_HEADERS if name in request.headers], checks)
    checks.run(lambda: check_key(request.headers.get("idempotency-key")))
    names = [value for name, value in given if name == "name"]
    if len(names) > 1:
        message = f"name: The parameter comes {len(names)} times. Send it once."
        checks.add(Refusal("invalid_request", message, field="name"))
    return checks.run(lambda: read_name(MAX_NAME_CHARS, names[0])) if names else None


def refuse_fields(names: Iterable[str], checks: Checks) -> None:
    """Note that a page may not send these fields."""
    faults = [Fault(name, _forbidden(name)) for name in dict.fromkeys(names)]
    if faults:
        checks.add(refusal_of(faults, "token_forbids"))


class TokenFormFields(Mapping[str, Callable[[str], Any]]):
    """What reads the text fields of a form that has come with an upload token: any but `name` is refused."""

    def __getitem__(self, name: str) -> Callable[[str], Any]:
        def read(text: str) -> str | None:
            if name in ALLOWED:
                return read_name(MAX_NAME_CHARS, text)
            raise Refusal("token_forbids", _forbidden(name), field=name)

        return read

    def __contains__(self, name: object) -> bool:
        return name != "file"

    def __iter__(self) -> Iterator[str]:
        return iter(ALLOWED)

    def __len__(self) -> int:
        return len(ALLOWED)


def _forbidden(name: str) -> str:
    return f"{shown(name)[1:-1]}: An upload token does not allow this field. Leave it out."
