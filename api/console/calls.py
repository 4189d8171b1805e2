"""Calls of the API, made by a page for the one who looks at it: the same endpoints, scopes and refusals as over HTTP.

A page has no rules of its own about who may do what. It sends what a program would send, in this process, with what the
session opens; the command for a shell that does the same is made from the same value.
"""

import json
import shlex
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.access.access import Access
from api.http.access.auth import find_named_owner
from api.http.context import Context
from api.http.problems import problem_of
from api.http.shared import ASKED
from tasks.queue.redis_keys import APPLICATION
from tasks.refusal import Refusal

Query = Mapping[str, str | int | bool | Sequence[str] | None]
"""The parameters of a query; those that are None or empty are left out."""

SENT_ON: Final = frozenset(
    (
        *(b"host", b"content-type", b"content-length", b"range", b"if-none-match", b"if-range", b"user-agent"),
        # From these the client's address and the base of URLs are found, if a proxy is trusted.
        *(b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"),
    )
)
"""The headers of a page's request that its calls have too."""
OF_ROUTE: Final = ("route", "endpoint", "path_params", "code", "acting_for", "named_account", "root_path")


class ProblemError(Exception):
    """The API has refused a call.

    Attributes:
        status: Its HTTP status.
        problem: The problem, as the API answers it: `code`, `detail`, and more.
        retry_after: The header Retry-After; None without one.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: str | None = None) -> None:
        super().__init__(problem.get("detail", ""))
        self.status = status
        self.problem = problem
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One request to the API.

    Attributes:
        method: Of HTTP.
        path: Under `/v1`; see `at`.
        query: Its parameters.
        body: What is sent as JSON; None sends no body.
    """

    method: str
    path: str
    query: Query = field(default_factory=dict)
    body: Any = None

    @property
    def target(self) -> str:
        """The path and the query."""
        return f"{self.path}?{query_text(self.query)}" if query_text(self.query) else self.path

    def curl(self) -> str:
        """A command for a shell in which PRESSROOM_URL and PRESSROOM_KEY are set."""
        lines = [f'curl "$PRESSROOM_URL"{shlex.quote(self.target)}']
        if self.method != "GET":
            lines = [f'curl -X {self.method} "$PRESSROOM_URL"{shlex.quote(self.target)}']
        lines.append('-H "Authorization: Bearer $PRESSROOM_KEY"')
        if self.body is not None:
            text = json.dumps(self.body, ensure_ascii=False)
            lines.append(f"-H 'Content-Type: application/json' -d {shlex.quote(text)}")
        return " \\\n  ".join(lines)


@dataclass(frozen=True, slots=True)
class FileCall:
    """A request that sends files, for the command that does the same.

    Attributes:
        path: Under `/v1`.
        files: The names of the files.
        fields: The other fields of the form. Without a form, `query` is what goes with the one file.
        query: The parameters.
        is_form: Whether the files are parts of a form; else the body is the file.
    """

    path: str
    files: Sequence[str]
    fields: Mapping[str, str] = field(default_factory=dict)
    query: Query = field(default_factory=dict)
    is_form: bool = True

    def curl(self) -> str:
        """A command for a shell in which PRESSROOM_URL and PRESSROOM_KEY are set."""
        target = ApiCall("POST", self.path, self.query).target
        lines = [f'curl "$PRESSROOM_URL"{shlex.quote(target)}', '-H "Authorization: Bearer $PRESSROOM_KEY"']
        if self.is_form:
            lines += [f"-F {shlex.quote(f'{name}={value}')}" for name, value in self.fields.items()]
            lines += [f"-F {shlex.quote(f'file=@{_curl_quoted(name)}')}" for name in self.files]
        else:
            lines += [f"--data-binary {shlex.quote(f'@{name}')}" for name in self.files]
        return " \\\n  ".join(lines)


def at(*segments: str) -> str:
    """The path of a thing under `/v1`; what is in a segment cannot leave it.

    Raises:
        Refusal: `not_found`: no thing has such a name.
    """
    if not all(segments) or any("/" in segment or segment in (".", "..") for segment in segments):
        raise Refusal("not_found", "There is no such page. Go back to the overview.")
    return "/v1/" + "/".join(quote(segment, safe="") for segment in segments)


def at_queue(name: str, *segments: str) -> str:
    """The path of a queue under `/v1`. That of an ARQ application has a slash in its name.

    Raises:
        Refusal: `not_found`: no queue has such a name.
    """
    parts = name.split("/") if name.startswith(APPLICATION) else [name]
    return at("queues", *parts, *segments)


def query_text(query: Query) -> str:
    """A query as it stands in a URL."""
    given = {name: _written(value) for name, value in query.items() if value not in (None, "", ())}
    return urlencode(given, doseq=True)


def with_query(path: str, query: Query) -> str:
    """A path with a query."""
    return ApiCall("GET", path, query).target


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """What the API has answered to a call."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body) if self.body else None


class Api:
    """The API, for what a session opens.

    Args:
        request: The request of the page.
        access: What the session opens.
    """

    def __init__(self, request: Request, access: Access) -> None:
        self._request = request
        self._access = access
        self._router: ASGIApp = request.app.router
        self._context: Context = request.scope["state"]["context"]
        self._asked: dict[str, Any] = {}

    async def send(self, call: ApiCall) -> ApiAnswer:
        """Make a call.

        Args:
            call: The call.

        Raises:
            ProblemError: The API has refused it.
        """
        body = b"" if call.body is None else json.dumps(call.body).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        scope = await self._scope(call.method, call.path, call.query)
        kept = [pair for pair in scope["headers"] if pair[0] not in (b"content-type", b"content-length")]
        scope["headers"] = [*kept, *(headers if call.body is not None else ())]
        return await self._answered(scope, _receiving(body))

    async def send_form(self, call: ApiCall) -> ApiAnswer:
        """Make a call with the body of the page's own request, such as an upload, as it comes.

        Args:
            call: The call; its `body` does not count.

        Raises:
            ProblemError: The API has refused it.
        """
        return await self._answered(await self._scope(call.method, call.path, call.query), self._request.receive)

    async def send_bytes(self, call: ApiCall, chunks: AsyncIterator[bytes]) -> ApiAnswer:
        """Make a call whose body is a stream, such as a file of the page's form.

        Args:
            call: The call; its `body` does not count.
            chunks: The bytes.

        Raises:
            ProblemError: The API has refused it.
        """
        scope = await self._scope(call.method, call.path, call.query)
        kept = [pair for pair in scope["headers"] if pair[0] not in (b"content-type", b"content-length")]
        scope["headers"] = [*kept, (b"content-type", b"application/octet-stream")]

        async def receive() -> Message:
            chunk = await anext(chunks, None)
            return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

        return await self._answered(scope, receive)

    async def get(self, path: str, **query: str | int | bool | Sequence[str] | None) -> Any:
        """Read something. Returns its JSON.

        Args:
            path: See `at`.
            **query: The parameters.

        Raises:
            ProblemError: The API has refused it.
        """
        return (await self.send(ApiCall("GET", path, query))).json()

    async def find(self, path: str, **query: str | int | bool | Sequence[str] | None) -> Any | None:
        """As `get`, for a part of a page; None if it is not for what the session opens.

        Args:
            path: See `at`.
            **query: The parameters.

        Raises:
            ProblemError: The API has refused it for another reason.
        """
        try:
            return await self.get(path, **query)
        except ProblemError as error:
            if error.problem.get("code") != "forbidden":
                raise
            return None

    async def forwarded(self, path: str, query: Query | None = None) -> Response:
        """A response that is the API's own, such as a file, sent as it comes."""
        return _Forwarded(self._router, await self._scope(self._request.method, path, query or {}), self._context)

    async def _answered(self, scope: Scope, receive: Receive) -> ApiAnswer:
        status, headers, parts = 500, {}, []

        async def collect(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
            else:
                parts.append(message.get("body", b""))

        try:
            await self._router(scope, receive, collect)
        except Refusal as refusal:  # such as a missing scope, which is checked before the route has its handlers
            await problem_of(Request(scope), refusal)(scope, receive, collect)
        self._context.auditor.note(scope)
        answer = ApiAnswer(status, headers, b"".join(parts))
        if status >= 400:
            raise ProblemError(status, answer.json(), headers.get("retry-after"))
        return answer

    async def _scope(self, method: str, path: str, query: Query) -> Scope:
        page = self._request.scope
        if method != "GET":
            self._asked = {}  # what was read before may have changed
        scope: Scope = {name: value for name, value in page.items() if name not in OF_ROUTE}
        scope.update(
            {
                "method": method,
                "path": unquote(path),
                "raw_path": path.encode(),
                "query_string": query_text(query).encode(),
                "headers": [pair for pair in page["headers"] if pair[0] in SENT_ON],
                "access": self._access,
                ASKED: self._asked,
                "owner": self._access.owner,
                "account": await self._context.accounts.owner(self._access.owner),
            }
        )
        await find_named_owner(self._context, scope, self._access)
        return scope


class _Forwarded(Response):
    """Answers as the router answers another request."""

    def __init__(self, router: ASGIApp, inner: Scope, context: Context) -> None:
        super().__init__()
        self._router = router
        self._inner = inner
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._router(self._inner, receive, send)
        except Refusal as refusal:  # as in `Api`
            await problem_of(Request(self._inner), refusal)(self._inner, receive, send)
        finally:
            self._context.auditor.note(self._inner)
            if "code" in self._inner:
                scope["code"] = self._inner["code"]


def _curl_quoted(name: str) -> str:
    """A file's name as curl's option -F reads it: commas and semicolons end it outside quotes."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if set(name) & set(',;"\\') else name


def _receiving(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _written(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
