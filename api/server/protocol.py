"""HTTP/1.1 for uvicorn: its httptools protocol, with limits on what a client may send, and how slowly.

`python -m api` uses it. For uvicorn's own command it is `--http api.server.protocol:BoundedProtocol`.
"""

import asyncio
from typing import Any, cast
from uuid import uuid4

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from api.http.problems import MEDIA_TYPE, RETRY_AFTER_S, STATUS, Problem
from api.server.connections import Connections
from api.server.flow import AskedForEnd, BodyFlow
from tasks.refusal import CODES

MAX_PIPELINED = 100
"""Requests that a client may send ahead of their answers."""
LINGER_S = 2.0
LINGER_BYTES = 1024 * 1024
"""How long, and how much, is read from a connection after an answer that did not wait for the body. A socket that is
closed with unread bytes is reset, and a reset may overtake the answer."""


class RequestFault(Exception):  # noqa: N818 - it becomes an answer
    """Why a request is answered before the application sees it; its arguments are a code and a sentence."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `app_state["connections"]` has its limits; the application's lifespan puts it there."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.ws_protocol_class = None
        self.waited_s = 0.0
        self._table: Connections = app_state["connections"]
        self._limits = self._table.settings
        self._socket: asyncio.Transport
        self._body_flow: BodyFlow
        self._in_head = True
        self._pending = 0  # bytes since the last whole head, the last byte of a body and the last whole request
        self._split = False  # whether the head came in several pieces, or after something else
        self._hosts = self._trailers = 0
        self._keep_alive = True
        self._head_s = self._linger_s = self._stalled_s = self._credit_s = 0.0
        self._body_bytes = self._unsent = self._ignored = 0  # bytes
        self._ignoring = self._lingering = False

    # What the transport calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._socket = transport
        self.flow = self._body_flow = BodyFlow(transport, self._table.received)
        self.transport = cast("asyncio.Transport", LingeringTransport(transport, self))
        if not self._table.add(self):
            self._table.count_refusal("too_many_connections")
            transport.write(self._answer("too_many_connections", "The server has too many connections. Try again."))
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._table.remove(self)
        self._body_flow.close()
        self.transport = self._socket
        super().connection_lost(exc)
        if self.cycle is not None:
            self.cycle.transport = self._socket  # the other one refers to this object, which refers to the cycle

    def data_received(self, data: bytes) -> None:
        limit = self._limits.http_max_header_bytes
        self._split = self._pending > 0 or len(data) > limit
        while data and not self._ignoring and not self._socket.is_closing():
            # Of a head no more is parsed at once than it may have: the parser keeps what it has not seen the end of.
            piece = data[: limit - self._pending] if self._in_head else data
            data = data[len(piece) :]
            self._pending += len(piece)
            try:
                self.parser.feed_data(piece)
            except httptools.HttpParserUpgrade as upgrade:  # of a request without a body: it is answered without
                data = piece[upgrade.args[0] :] + data
            except httptools.HttpParserError as error:
                fault = error.__context__
                if not isinstance(fault, RequestFault):
                    fault = RequestFault("malformed_request", "The request is not valid HTTP/1.1.")
                self._refuse(*fault.args)
            else:
                if self._pending >= limit or len(self.headers or ()) > self._limits.http_max_header_fields:
                    self._refuse(*self._too_large().args)
        if self._ignoring:
            self._ignored += len(data)
            if self._lingering and self._ignored > LINGER_BYTES:
                self._socket.abort()

    # What the parser calls

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._hosts = self._trailers = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:  # after a chunked body; nobody reads them
            self._trailers += 1
            if self._trailers > self._limits.http_max_header_fields:
                raise self._too_large()
            return
        name = name.lower()
        if name == b"host":
            self._hosts += 1
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._check_head()
        super().on_headers_complete()
        self._table.busy(self)
        self._body_flow.request = self.cycle
        self._in_head = False
        self._pending = self._body_bytes = 0
        self._head_s = 0.0
        self._credit_s = self._limits.http_body_grace_s
        # Until the whole request is there, its answer is the last on this connection.
        self._keep_alive, self.cycle.keep_alive = self.cycle.keep_alive, False

    def on_body(self, body: bytes) -> None:
        self._pending = 0
        self._body_bytes += len(body)
        self._body_flow.count(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head = True
        self._pending = 0
        if not self.cycle.response_started:
            self.cycle.keep_alive = self._keep_alive
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        super()._start_asgi_task(cycle, AskedForEnd(app, self._body_flow, cycle))

    # What the server and the application call

    def on_response_complete(self) -> None:
        # Not uvicorn's own: the table has one timer for all idle connections.
        self.server_state.total_requests += 1
        if self._lingering or self._socket.is_closing():
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self.flow.resume_reading()
            self.waited_s = 0.0
            self._table.idle(self)

    def shutdown(self) -> None:
        self._keep_alive = False
        super().shutdown()

    def finish(self) -> None:
        """Close the connection after an answer; if the request is not there yet, read on for a moment."""
        if self.cycle is not None and self.cycle.more_body and not self._lingering:
            self._linger()
        else:
            self._socket.close()

    # What the table of connections calls

    def evict(self) -> None:
        self._end_wait()

    def check(self, passed_s: float) -> None:
        cycle, limits = self.cycle, self._limits
        unsent = self._socket.get_write_buffer_size()
        self._stalled_s = self._stalled_s + passed_s if unsent and unsent >= self._unsent else 0.0
        self._unsent = unsent
        self._linger_s += passed_s if self._lingering else 0.0
        if self._linger_s > LINGER_S or self._stalled_s > limits.http_send_timeout_s:
            self._socket.abort()
        elif self._lingering or self.flow.read_paused:
            pass  # what the server does not read is no fault of the client
        elif cycle is None or cycle.response_complete:
            self.waited_s += passed_s
            self._head_s += passed_s if cycle is None or self._pending else 0.0
            if self._head_s > limits.http_header_timeout_s or self.waited_s > limits.http_keep_alive_s:
                self._end_wait()
        elif cycle.more_body and not cycle.waiting_for_100_continue:
            came_s = self._body_bytes / limits.http_body_min_bytes_per_s
            self._credit_s = min(self._credit_s + came_s, limits.http_body_grace_s) - passed_s
            self._body_bytes = 0
            if self._credit_s < 0:
                pace = f"{limits.http_body_min_bytes_per_s} bytes per second"
                self._refuse("request_timeout", f"The body came more slowly than {pace}. Send the request again.")

    # Answers without the application

    def _check_head(self) -> None:
        """Raises: RequestFault."""
        if len(self.headers) > self._limits.http_max_header_fields:
            raise self._too_large()
        if self._split:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self._limits.http_max_header_bytes:
                raise self._too_large()
        if self._hosts != 1 and (self._hosts or self.parser.get_http_version() != "1.0"):
            raise RequestFault("malformed_request", "A request has one Host header. Send exactly one.")
        if len(self.pipeline) >= MAX_PIPELINED:
            raise RequestFault("malformed_request", f"Send at most {MAX_PIPELINED} requests ahead of their answers.")
        if self.parser.should_upgrade() and any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in self.headers
        ):
            raise RequestFault("malformed_request", "Only HTTP/1.1 is spoken here. Send the body without Upgrade.")

    def _too_large(self) -> RequestFault:
        size, fields = self._limits.http_max_header_bytes, self._limits.http_max_header_fields
        return RequestFault("header_too_large", f"The limit is {size} bytes and {fields} header fields. Send less.")

    def _end_wait(self) -> None:
        """Close a connection without a request, with an answer if part of one is there."""
        if self._pending and not self._socket.is_closing():
            self._table.count_refusal("request_timeout")
            within = f"within {self._limits.http_header_timeout_s:g} seconds"
            self._socket.write(self._answer("request_timeout", f"The header fields were not all there {within}."))
        self._socket.close()

    def _refuse(self, code: str, detail: str) -> None:
        """Answer what was received last with an error, unless an earlier answer is not complete, and close."""
        self._table.count_refusal(code)
        self._ignoring = True
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not cycle.more_body:  # what is wrong came after this request: its answer is the last
                cycle.keep_alive = False
                return
            if cycle.response_started or self.pipeline:
                self._socket.abort()
                return
            cycle.disconnected = True
            cycle.message_event.set()
        self._socket.write(self._answer(code, detail))
        self._linger()

    def _linger(self) -> None:
        """Send nothing more, and read for a moment without looking at it."""
        self._ignoring = True
        if self._socket.is_closing() or not self._socket.can_write_eof():
            self._socket.close()
            return
        self._lingering = True
        self._socket.write_eof()
        self.flow.resume_reading()

    def _answer(self, code: str, detail: str) -> bytes:
        body = Problem(
            type=f"urn:pressroom:problem:{code}",
            title=CODES[code],
            status=STATUS[code],
            detail=detail,
            code=code,
            request_id=uuid4().hex,
            field=None,
            limit=None,
            errors=None,
        ).model_dump_json(exclude_none=True)
        fields = [
            *self.server_state.default_headers,
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body.encode())).encode()),
            (b"connection", b"close"),
            *((b"retry-after", str(RETRY_AFTER_S[one]).encode()) for one in (code,) if one in RETRY_AFTER_S),
        ]
        head = b"".join(b"%b: %b\r\n" % field for field in fields)
        return STATUS_LINE[STATUS[code]] + head + b"\r\n" + body.encode()


class LingeringTransport:
    """What an answer is written to: the transport, but closing it waits for a moment if the body has not been read."""

    def __init__(self, transport: asyncio.Transport, protocol: BoundedProtocol) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = protocol.finish
