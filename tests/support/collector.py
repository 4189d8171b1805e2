"""An OpenTelemetry collector on loopback: OTLP over HTTP as protobuf, read with OpenTelemetry's own messages."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Span:
    """Ids as hex; parent: empty for the first of a trace. kind: from 1 internal, server, client, producer, consumer."""

    service: str
    name: str
    kind: int
    trace: str
    id: str
    parent: str
    error: bool
    attributes: dict[str, Any] = field(default_factory=dict)


class Collector:
    """Takes spans in a thread of its own, until its block ends. received: every body, as it came."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.received: list[bytes] = []
        self._came = threading.Condition()
        take = self._take

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                """Nobody reads them."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def wait_for(self, enough: Callable[[Sequence[Span]], bool]) -> list[Span]:
        """All spans, once they are enough."""
        deadline = time.monotonic() + PATIENCE_S
        with self._came:
            while not enough(self.spans):
                assert self._came.wait(deadline - time.monotonic()), [span.name for span in self.spans]
            return list(self.spans)

    def of(self, trace: str) -> list[Span]:
        """Those of one trace so far."""
        return [span for span in self.spans if span.trace == trace]

    def _take(self, path: str, body: bytes) -> None:
        assert path == "/v1/traces"
        with self._came:
            self.received.append(body)
            self.spans += _spans(body)
            self._came.notify_all()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _spans(body: bytes) -> list[Span]:
    return [
        Span(
            service=_read(group.resource.attributes)["service.name"],
            name=span.name,
            kind=span.kind,
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            error=span.status.code == span.status.STATUS_CODE_ERROR,
            attributes=_read(span.attributes),
        )
        for group in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def _read(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
