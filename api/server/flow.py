"""Reads bodies no faster than the application takes them, and all of them together no faster than memory allows."""

import asyncio
from typing import Protocol

from uvicorn._types import (
    ASGI3Application,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    Scope,
)
from uvicorn.protocols.http.flow_control import FlowControl

READ_BYTES = 256 * 1024
"""What the event loop reads from a socket at once."""
LOOK_AGAIN_S = 0.002


class BodyReceiver(Protocol):
    """A request whose body is received, as uvicorn keeps it."""

    body: bytearray
    more_body: bool
    response_complete: bool
    disconnected: bool


class ReceivedBytes:
    """What the connections of a process have received and the application has not finished with.

    Args:
        limit: Bytes from which on no body is read on, and twice of which nothing is read.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._total = 0
        self._reading: dict[BodyFlow, None] = {}
        self._stopped: dict[BodyFlow, None] = {}
        self._waiting: dict[BodyFlow, None] = {}  # oldest first
        self._timer: asyncio.TimerHandle | None = None

    def total(self) -> int:
        """Bytes."""
        return self._total

    @property
    def full(self) -> bool:
        return self._total >= self._limit

    def add(self, size: int) -> None:
        self._total += size
        if self._total >= 2 * self._limit:
            # Many connections have begun at the same moment. What the others have sent stays with the system until
            # this is done.
            for flow in tuple(self._reading):
                flow.pause_reading()
                self._stopped[flow] = None

    def release(self, size: int) -> None:
        self._total -= size
        if self.full:
            return
        for flow in tuple(self._stopped):
            flow.read_on()
        if self._timer is None and self._waiting:
            self._read_on()

    def _read_on(self) -> None:
        """Let as many read on as there is room for, and look again when they have read what was there."""
        self._timer = None
        for _ in range(-((self._total - self._limit) // READ_BYTES)):
            flow = next(iter(self._waiting), None)
            if flow is None:
                return
            flow.read_on()
        if self._waiting and not self.full:
            self._timer = asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self._read_on)

    def wait(self, flow: "BodyFlow") -> None:
        """Let it read on when there is room."""
        self._waiting[flow] = None

    def note_reading(self, flow: "BodyFlow") -> None:
        """It reads what comes."""
        self.forget(flow)
        self._reading[flow] = None

    def forget(self, flow: "BodyFlow") -> None:
        """It reads nothing."""
        for flows in (self._reading, self._stopped, self._waiting):
            flows.pop(flow, None)


class BodyFlow(FlowControl):
    """The flow of one connection. A chunk counts from its arrival until the application asks for the next."""

    def __init__(self, transport: asyncio.Transport, received: ReceivedBytes) -> None:
        super().__init__(transport)
        self.request: BodyReceiver | None = None
        self._received = received
        self._held = 0
        received.note_reading(self)

    def count(self, size: int) -> None:
        """Bytes of the body have arrived."""
        self._held += size
        self._received.add(size)
        if self._received.full:
            self.pause_reading()

    def pause_reading(self) -> None:
        self._received.forget(self)
        super().pause_reading()

    def resume_reading(self) -> None:
        """uvicorn calls it when the application asks for more, and after an answer."""
        if self.release():
            return  # what is kept is what the application gets now
        if self.read_paused and self._comes and self._received.full:
            self._received.wait(self)
        elif self.read_paused:
            self.read_on()

    @property
    def _comes(self) -> bool:
        request = self.request
        return bool(request and request.more_body and not request.response_complete and not request.disconnected)

    def release(self) -> int:
        """The application has finished with what it got. Returns the bytes that it has not got yet."""
        kept = len(self.request.body) if self.request and self._comes else 0
        if self._held != kept:
            done, self._held = self._held - kept, kept
            self._received.release(done)
        return kept

    def read_on(self) -> None:
        self._received.note_reading(self)
        super().resume_reading()

    def close(self) -> None:
        """The connection is gone."""
        self._received.forget(self)
        held, self._held = self._held, 0
        self._received.release(held)


class AskedForEnd:
    """The application for one request. It gets an empty chunk after the last one, and so asks for it: then it has
    finished with the last one, which would otherwise count until the answer is complete. Of a body that is cut it gets
    all that has arrived."""

    __slots__ = ("_app", "_flow", "_had_last", "_receive", "_request")

    def __init__(self, app: ASGI3Application, flow: BodyFlow, request: BodyReceiver) -> None:
        self._app = app
        self._flow = flow
        self._request = request
        self._had_last = False
        self._receive: ASGIReceiveCallable

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        self._receive = receive
        await self._app(scope, self._next, send)

    async def _next(self) -> ASGIReceiveEvent:
        if self._had_last:
            self._had_last = False
            self._flow.release()
            return {"type": "http.request", "body": b"", "more_body": False}
        event = await self._receive()
        if event["type"] == "http.request" and event["body"] and not event["more_body"]:
            self._had_last = event["more_body"] = True
        if event["type"] == "http.disconnect" and self._request.body and not self._request.response_complete:
            rest, self._request.body = bytes(self._request.body), bytearray()
            return {"type": "http.request", "body": rest, "more_body": True}
        return event
