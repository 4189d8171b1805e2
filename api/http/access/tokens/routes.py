"""Which routes a token opens that is no key. Every other route answers it 403, those too that are added later."""

import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from tasks.accounts.tokens import token_text

TokenKind = Literal["upload_token", "job_token"]


class TokenRoute(NamedTuple):
    """A route that a kind of token opens. path: as the route has it."""

    kind: TokenKind
    methods: frozenset[str]
    path: str

    def opens(self, method: str, path: str) -> bool:
        """Whether it is the route of this method and path template."""
        return method.upper() in self.methods and path == self.path


UPLOADING: Final = frozenset({"POST"})
RESUMING: Final = frozenset({"HEAD", "PATCH", "DELETE"})
SEEING: Final = frozenset({"GET", "HEAD"})
EVENTS: Final = "/v1/jobs/{job_id}/events"
"""The one route whose URL may have a token in it: browsers send no header with an EventSource."""
TOKEN_ROUTES: Final = (
    TokenRoute("upload_token", UPLOADING, "/v1/images"),
    TokenRoute("upload_token", UPLOADING, "/v1/uploads"),
    TokenRoute("upload_token", UPLOADING, "/v1/uploads/resumable"),
    TokenRoute("upload_token", RESUMING, "/v1/uploads/resumable/{resumable_id}"),
    TokenRoute("upload_token", UPLOADING, "/v1/uploads/{upload_id}/completion"),
    TokenRoute("job_token", SEEING, "/v1/jobs/{job_id}"),
    TokenRoute("job_token", SEEING, EVENTS),
    TokenRoute("job_token", SEEING, "/v1/jobs/{job_id}/files/{name}"),
)
MAY: Final[Mapping[TokenKind, str]] = {
    "upload_token": "An upload token may only POST to /v1/images or /v1/uploads, or send the same in parts.",
    "job_token": "A job token may only GET its job, its events and its files.",
}
"""What is said to a token that wants more."""
PREFIXES: Final[Mapping[str, TokenKind]] = {token_text.UPLOAD: "upload_token", token_text.JOB: "job_token"}


def _matcher(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", path))


_MATCHERS: Final = tuple((_matcher(route.path), route) for route in TOKEN_ROUTES)
_EVENTS: Final = _matcher(EVENTS)


def kind_of(credential: str | None) -> TokenKind | None:
    """Which kind of token a credential is; None for a key, or for none."""
    if credential is None:
        return None
    return next((kind for prefix, kind in PREFIXES.items() if credential.startswith(prefix)), None)


def methods_at(path: str, kind: TokenKind | None = None) -> frozenset[str]:
    """The methods that tokens may use at a path.

    Args:
        path: Of a request.
        kind: The kind of token; None is any.
    """
    return frozenset().union(
        *(route.methods for matcher, route in _MATCHERS if kind in (None, route.kind) and matcher.fullmatch(path))
    )


def is_events(path: str) -> bool:
    """Whether the URL of a request to this path may have a token in it."""
    return _EVENTS.fullmatch(path) is not None
