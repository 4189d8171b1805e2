"""Traces: the W3C `traceparent` that goes from a request to its jobs and on to what they send, and spans for whoever
collects them.

Without OTEL_EXPORTER_OTLP_ENDPOINT a `traceparent` is passed on as it came, and nothing else happens. With it each step
is a span, exported over OTLP by OpenTelemetry (dependency group `otel`), and what goes on names that span.
A span holds ids, names and sizes: no arguments, no texts of errors, no addresses with their queries.
"""

import logging
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, Self

import structlog

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.context import Context

log = structlog.get_logger()

Sort = Literal["internal", "server", "client", "producer", "consumer"]
"""What OpenTelemetry calls a span's kind. The parent of a server and of a consumer is elsewhere."""

About = Mapping[str, str | int]
"""Attributes of a span, named as in OpenTelemetry's semantic conventions where these have a name."""

TRACEPARENT: Final = re.compile(r"(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(-.*)?")
"""https://www.w3.org/TR/trace-context/#traceparent-header; versions to come may say more at the end."""
TRACES_PATH: Final = "/v1/traces"

_going_on: ContextVar[str | None] = ContextVar("traceparent", default=None)
_start: "Callable[[str, Sort, str | None, About], trace.Span] | None" = None


def parse(header: str | None) -> str | None:
    """A `traceparent` header as this version of the standard writes it; None if there is none, or it breaks a rule."""
    match = TRACEPARENT.fullmatch(header or "")
    if match is None or (match[1] == "00" and match[3]):
        return None
    return f"00-{match[2]}"


def trace_id_of(traceparent: str) -> str:
    """The 32 hex digits that all of a trace have in common."""
    return traceparent[3:35]


def current() -> str | None:
    """The `traceparent` of whatever is submitted or sent from here."""
    return _going_on.get()


class Step:
    """A step of a trace, while the `with` block lasts. This one is not recorded: it only knows what goes on."""

    def __init__(self, traceparent: str | None) -> None:
        self._traceparent = traceparent
        self._before: Token[str | None] | None = None

    def __enter__(self) -> Self:
        self._before = _going_on.set(self._traceparent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            _going_on.reset(self._before)

    def note(self, about: About, name: str | None = None) -> None:
        """What is known at the end only: more attributes, and a better name."""

    def fail(self, code: str) -> None:
        """It did not go well. code: of the refusal, or the name of the exception's class."""


class _Same(Step):
    """Changes nothing, so that one will do for all."""

    def __init__(self) -> None:
        super().__init__(None)

    def __enter__(self) -> Self:
        return self


class _Recorded(Step):
    def __init__(self, span: "trace.Span") -> None:
        context = span.get_span_context()
        written = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        super().__init__(written if context.is_valid else None)  # it is not where OTEL_SDK_DISABLED is set
        self._span = span

    def note(self, about: About, name: str | None = None) -> None:
        self._span.set_attributes(about)
        if name is not None:
            self._span.update_name(name)

    def fail(self, code: str) -> None:
        from opentelemetry.trace import StatusCode  # noqa: PLC0415

        self._span.set_status(StatusCode.ERROR)
        self._span.set_attribute("error.type", code)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if isinstance(error, Exception):
            self.fail(type(error).__qualname__)
        self._span.end()


_SAME = _Same()


def step(name: str, sort: Sort = "internal", about: About | None = None) -> Step:
    """A step of what is under way here. about: the span's attributes."""
    if _start is None:
        return _SAME
    return _Recorded(_start(name, sort, _going_on.get(), about or {}))


def entry(traceparent: str | None, name: str, sort: Sort, about: About | None = None) -> Step:
    """The first step of ours in a trace that came from elsewhere; where none came, of a new one, if spans are recorded
    at all."""
    if _start is None:
        return Step(traceparent)
    return _Recorded(_start(name, sort, traceparent, about or {}))


def configure(endpoint: str | None, service: str) -> None:
    """Once per process, after the logs: record spans from now on, and send them to a collector, if there is one.

    endpoint: its address, without the path. service: `service.name`, unless OTEL_SERVICE_NAME or
    OTEL_RESOURCE_ATTRIBUTES says another. All other settings of the SDK are read from the environment, by the SDK.
    """
    if not endpoint:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        # Platforms set the variable for everyone: whoever cannot export goes on without.
        hint = "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: bin/setup otel installs it."
        log.warning("tracing.off", hint=hint)
        return
    library = logging.getLogger("opentelemetry")
    library.addHandler(_Lines())
    library.propagate = False
    resource = Resource.create()
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: service}))
    # Not the global one, which other libraries would write to, with texts that ours leave out.
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint.rstrip("/") + TRACES_PATH)))
    _record(provider)
    log.info("tracing.on", service=resource.attributes[SERVICE_NAME])


def _record(provider: "trace.TracerProvider") -> None:
    from opentelemetry import trace  # noqa: PLC0415

    global _start  # noqa: PLW0603 - like the logs, one for the process
    tracer = provider.get_tracer("pressroom")
    kinds = {kind.name.lower(): kind for kind in trace.SpanKind}

    def start(name: str, sort: Sort, parent: str | None, about: About) -> trace.Span:
        context = None if parent is None else _context(parent, remote=sort in ("server", "consumer"))
        return tracer.start_span(name, context, kinds[sort], about)

    def _context(parent: str, *, remote: bool) -> "Context":
        _, trace_id, span_id, flags = parent.split("-")
        span = trace.SpanContext(int(trace_id, 16), int(span_id, 16), remote, trace.TraceFlags(int(flags, 16)))
        return trace.set_span_in_context(trace.NonRecordingSpan(span))

    _start = start


class _Lines(logging.Handler):
    """What OpenTelemetry has to say, such as that nobody takes its spans, as lines of ours."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        log.warning("tracing.trouble", message=record.getMessage())
