"""The scope that a route needs: named once, above its function, enforced by `api.routes` and shown in OpenAPI."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.access.access import Access
from tasks.accounts.scopes import ADMIN, ALL_SCOPES
from tasks.refusal import Refusal

F = TypeVar("F", bound=Callable[..., Any])

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""The methods that a read-only key may use."""
_ATTRIBUTE: Final = "required_scopes"
_BY_CHANNEL: Final = "by_channel"


def requires(*scopes: str, by_channel: bool = False) -> Callable[[F], F]:
    """Mark the function of a route under `/v1`: a sender needs one of these scopes.

    Args:
        *scopes: The scopes.
        by_channel: Whether the function heeds `Access.channel`, so that a portal may use it. Every other route refuses
            those who are restricted to a channel.

    Raises:
        ValueError: There is no such scope, or none is named.
    """
    if not scopes or not ALL_SCOPES.issuperset(scopes):
        raise ValueError(f"{scopes} are no scopes. Add them to tasks/accounts/scopes.py.")

    def mark(endpoint: F) -> F:
        setattr(endpoint, _ATTRIBUTE, scopes)
        setattr(endpoint, _BY_CHANNEL, by_channel)
        return endpoint

    return mark


def required_scopes(endpoint: Callable[..., Any]) -> tuple[str, ...]:
    """The scopes of which a sender needs one. Those of a function that names none are those of an admin."""
    scopes: tuple[str, ...] = getattr(endpoint, _ATTRIBUTE, (ADMIN,))
    return scopes


def names_scopes(endpoint: Callable[..., Any]) -> bool:
    """Whether the function of a route has been marked."""
    return hasattr(endpoint, _ATTRIBUTE)


def heeds_channel(endpoint: Callable[..., Any]) -> bool:
    """Whether the function of a route may be used by those who are restricted to a channel."""
    return bool(getattr(endpoint, _BY_CHANNEL, False))


def check_scopes(access: Access, scopes: Sequence[str]) -> None:
    """Check that a sender has one of these scopes.

    Raises:
        Refusal: `forbidden`.
    """
    if access.scopes.isdisjoint(scopes):
        raise Refusal(
            "forbidden",
            f"This needs a key with the scope {' or '.join(map(repr, scopes))}. The key that was sent has "
            f"{', '.join(sorted(access.scopes)) or 'no scope'}.",
            field="Authorization",
        )


def with_scopes(app: ASGIApp, scopes: tuple[str, ...], *, by_channel: bool) -> ASGIApp:
    """Wrap an endpoint, so that it refuses senders without one of these scopes.

    Args:
        app: The endpoint.
        scopes: The scopes.
        by_channel: Whether it heeds `Access.channel`.

    Raises:
        Refusal: From the returned application: `forbidden`, `token_forbids`.
    """

    async def check(scope: Scope, receive: Receive, send: Send) -> None:
        access: Access = scope["access"]
        if access.channel is not None and not by_channel:
            raise Refusal(
                "token_forbids", "A portal opens the endpoints and deliveries of its channel, and nothing else."
            )
        check_scopes(access, scopes)
        if access.read_only and scope["method"] not in READING:
            raise Refusal(
                "forbidden",
                f"The key that was sent is read-only: it may use GET and HEAD, and not {scope['method']}.",
                field="Authorization",
            )
        await app(scope, receive, send)

    return check
