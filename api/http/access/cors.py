"""Which web pages may read our answers: those of CORS_ORIGINS what a token opens. What is public, every page may read
(`api.public_files.serving`).

A browser asks before it sends a token (a pre-flight), and lets a page read an answer only if the answer names the
page's origin. A request with an API key is never answered so: a key belongs into no page. No cookie is ever asked for,
so no answer allows credentials.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message, Scope, Send

from api.http.access.tokens.routes import TokenKind, methods_at
from api.uploads import tus
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.settings.browsers import USUAL_PORTS

SENT: Final = (
    *("authorization", "content-type", "idempotency-key", "prefer", "last-event-id", "range", "if-range"),
    *("if-none-match", "x-request-id", "traceparent", "tracestate"),
    *map(str.lower, tus.REQUEST_HEADERS),
)
"""Headers that a page may send."""
SHOWN: Final = (
    *("location", "retry-after", "x-request-id", "etag", "content-range", "accept-ranges", "preference-applied"),
    *("content-disposition", "ratelimit", "ratelimit-policy"),
    *map(str.lower, tus.EXPOSED_HEADERS),
)
"""Headers of an answer that a page may read, besides those that any page may."""
VARY: Final = (b"vary", b"Origin")
NO_REFERRER: Final = (b"referrer-policy", b"no-referrer")
"""So that no URL with a token in it is sent on to where the answer leads."""
PREFLIGHT_VARY: Final = (b"vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers")


class CorsPolicy:
    """The origins of CORS_ORIGINS, and what is said to them.

    Args:
        settings: The settings of the process.

    Attributes:
        origins: Those of CORS_ORIGINS.
        page_origins: Those, and that of PUBLIC_URL, whose pages a browser asks nothing for.
    """

    def __init__(self, settings: Settings) -> None:
        self.origins = frozenset(settings.cors_origins)
        own = _origin_of(settings.public_url)
        self.page_origins = self.origins | ({own} if own else set())
        self._max_age_s = settings.cors_max_age_s

    def is_page(self, scope: Scope, headers: Headers, kind: TokenKind | None) -> bool:
        """Whether a request is one that a page of CORS_ORIGINS may send: with a token, or before it sends one.

        Args:
            scope: The request.
            headers: Its headers.
            kind: Of the token that it has brought.
        """
        if headers.get("origin") not in self.origins or not methods_at(scope["path"]):
            return False
        return kind is not None or is_preflight(scope, headers)

    def preflight(self, scope: Scope, headers: Headers) -> Response | None:
        """The answer to a pre-flight, which has no key; None for any other request.

        Raises:
            Refusal: `foreign_origin`.
        """
        if not is_preflight(scope, headers):
            return None
        allowed = {"Access-Control-Max-Age": str(self._max_age_s), "Access-Control-Allow-Headers": ", ".join(SENT)}
        methods = methods_at(scope["path"])
        if not methods:
            return None
        origin = headers["origin"]
        if origin not in self.origins:
            raise Refusal(
                "foreign_origin",
                f"Pages of the origin {origin!r} may not call this service. Its operator can add it to CORS_ORIGINS.",
                field="Origin",
            )
        allowed |= {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": ", ".join(sorted(methods)),
        }
        return Response(status_code=204, headers=allowed)

    def answering(self, scope: Scope, headers: Headers, kind: TokenKind | None, send: Send) -> Send:
        """A `send` that adds to an answer what a browser needs to show it to the page.

        Args:
            scope: The request.
            headers: Its headers.
            kind: Of the token that it has brought.
            send: Sends the answer.
        """
        added = self._headers(scope, headers, kind)
        if scope["url_token"]:
            added = [*added, NO_REFERRER]
        if not added:
            return send

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *added]
            await send(message)

        return send_with_headers

    def _headers(self, scope: Scope, headers: Headers, kind: TokenKind | None) -> list[tuple[bytes, bytes]]:
        shown = (b"access-control-expose-headers", ", ".join(SHOWN).encode())
        if not methods_at(scope["path"]):
            return []
        if is_preflight(scope, headers):
            return [PREFLIGHT_VARY]
        if kind is None or not self.is_page(scope, headers, kind):
            return [VARY]
        return [VARY, (b"access-control-allow-origin", headers["origin"].encode()), shown]


def _origin_of(url: str | None) -> str | None:
    """The origin of a URL, as browsers write it."""
    if url is None:
        return None
    parts = urlsplit(url.lower())
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".removesuffix(USUAL_PORTS[parts.scheme])


def is_preflight(scope: Scope, headers: Headers) -> bool:
    """Whether a browser asks what a page may send."""
    return scope["method"] == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def token_in_url(scope: Scope) -> str | None:
    """Take a token out of the query of a request, so that no log shows it: what stays of it is `token=***`.

    Args:
        scope: The request, whose query is changed for all that read it later, such as the server's access log.
    """
    query: bytes = scope.get("query_string", b"")
    if b"token=" not in query:
        return None
    parts = query.split(b"&")
    found = [part[len(b"token=") :] for part in parts if part.startswith(b"token=")]
    scope["query_string"] = b"&".join(b"token=***" if part.startswith(b"token=") else part for part in parts)
    return found[0].decode("latin-1") if len(found) == 1 else None
