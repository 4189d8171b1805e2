"""Authentication: every path under `/v1/` needs an API key, so that no endpoint can forget to require one; and the host
that a request names is checked, that its owner is not suspended, and that owner's requests per second."""

from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.access.access import Access
from api.http.access.account_cache import OwnerAccount
from api.http.access.token_kinds import authenticate
from api.http.access.tokens.opening import url_token
from api.http.access.tokens.routes import kind_of
from api.http.context import Context
from api.http.problems import problem_of, quota_headers
from api.http.quotas.request_rates import RateState
from tasks.refusal import Refusal

PROTECTED = "/v1/"
SCHEME = "bearer "


class AuthMiddleware:
    """ASGI middleware. Sets `scope["access"]`, `scope["owner"]`, `scope["account"]` and, where an admin names an owner,
    `scope["named_account"]`; or responds before the body is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            context: Context = scope["state"]["context"]
            headers, protected = Headers(scope=scope), scope["path"].startswith(PROTECTED)
            token = bearer_of(headers)
            in_url = scope["url_token"] if protected and token is None else None
            kind = kind_of(token or in_url)
            send = context.cors.answering(scope, headers, kind, send)
            try:
                if in_url:
                    token = url_token(scope, in_url)
                context.host_policy.check(scope, headers, is_page=context.cors.is_page(scope, headers, kind))
                if (allowed := context.cors.preflight(scope, headers)) is not None:
                    await allowed(scope, receive, send)
                    return
                if protected:
                    access = await authenticate(context, scope, token)
                    rate = check_rate(context, scope, access)
                    await find_named_owner(context, scope, access)
                    if rate is not None:
                        send = _with_headers(send, quota_headers(rate.quota, rate.burst, rate.left))
            except Refusal as refusal:
                await problem_of(Request(scope), refusal)(scope, receive, send)
                context.auditor.note(scope, tried_key=bearer_of(headers) is not None)
                return
            await self._app(scope, receive, send)
            if protected:
                context.auditor.note(scope)
            return
        await self._app(scope, receive, send)


def check_rate(context: Context, scope: Scope, access: Access) -> RateState | None:
    """Refuse a request too many. Returns what its answer says of the rate; admins of the settings have none.

    Raises:
        Refusal: `rate_limited`.
    """
    if access.is_never_suspended:
        return None
    account: OwnerAccount = scope["account"]
    # Pages share a rate of their own, as large as that of the owner's keys: they cannot use that up.
    payer = f"{access.owner}/tokens" if access.is_token else access.owner
    return context.request_rates.admit(payer, account.quotas)


async def find_named_owner(context: Context, scope: Scope, access: Access) -> None:
    """Have the quotas of an owner at hand for whom an admin acts: those are what the request is checked against."""
    if access.is_admin and scope["query_string"]:
        name = QueryParams(scope["query_string"]).get("owner")
        if name:
            scope["named_account"] = name, await context.accounts.owner(name)


def _with_headers(send: Send, headers: dict[str, str]) -> Send:
    added = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    names = {name for name, _ in added}

    async def send_with(message: Message) -> None:
        # The answer to another quota that is exceeded says so itself.
        if message["type"] == "http.response.start" and names.isdisjoint(name for name, _ in message["headers"]):
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return send_with


def bearer_of(headers: Headers) -> str | None:
    """The API key in the Authorization header, or None."""
    authorization = headers.get("authorization", "")
    if authorization[: len(SCHEME)].lower() != SCHEME:
        return None
    return authorization[len(SCHEME) :].strip() or None
