"""Tracing: W3C trace context from a request to its jobs and on to their webhooks, and spans for OpenTelemetry.

Without OTEL_EXPORTER_OTLP_ENDPOINT the trace context (`traceparent` and `tracestate`) is passed on as it came, and
nothing else happens. With it each step is a span, exported over OTLP (dependency group `otel`), and the outgoing
`traceparent` names that span. A span holds ids, names and sizes: no params, no error messages, no query strings.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, Self

import structlog

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.context import Context

log = structlog.get_logger()

Sort = Literal["internal", "server", "client", "producer", "consumer"]
"""OpenTelemetry's span kind. The parent of a server or a consumer span is in another process."""

About = Mapping[str, str | int]
"""Attributes of a span, named as in OpenTelemetry's semantic conventions where these have a name."""

TRACEPARENT: Final = re.compile(r"(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(-.*)?")
"""https://www.w3.org/TR/trace-context/#traceparent-header; later versions may append more."""
TRACES_PATH: Final = "/v1/traces"

TRACESTATE_KEY: Final = r"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
TRACESTATE_MEMBER: Final = re.compile(rf"({TRACESTATE_KEY})=[ -+\--<>-~]{{0,255}}[!-+\--<>-~]")
"""https://www.w3.org/TR/trace-context/#tracestate-header: a key and a value of visible ASCII without `,` and `=`."""
MAX_TRACESTATE_MEMBERS: Final = 32
MAX_TRACESTATE_CHARS: Final = 512
"""What every participant has to pass on. A longer one is shortened: large members go first, then the last."""
LARGE_MEMBER_CHARS: Final = 128

_current: ContextVar[tuple[str | None, str | None]] = ContextVar("trace", default=(None, None))
"""`traceparent` and `tracestate`."""
_start: "Callable[[str, Sort, str | None, str | None, About], trace.Span] | None" = None


def parse(header: str | None) -> str | None:
    """A `traceparent` header in version 00 of its format; None if it is missing or invalid."""
    match = TRACEPARENT.fullmatch(header or "")
    if match is None or (match[1] == "00" and match[3]):
        return None
    return f"00-{match[2]}"


def parse_state(headers: Sequence[str]) -> str | None:
    """The `tracestate` headers of a request as one value.

    Returns:
        At most MAX_TRACESTATE_CHARS characters; None if there is no member, or any of them is invalid.
    """
    members = [member for member in (one.strip(" \t") for one in ",".join(headers).split(",")) if member]
    matches = [TRACESTATE_MEMBER.fullmatch(member) for member in members]
    keys = {match[1] for match in matches if match is not None}
    if len(members) > MAX_TRACESTATE_MEMBERS or len(keys) < len(members):
        return None
    while len(",".join(members)) > MAX_TRACESTATE_CHARS:
        large = [member for member in members if len(member) > LARGE_MEMBER_CHARS]
        members.remove(large[-1] if large else members[-1])
    return ",".join(members) or None


def trace_id_of(traceparent: str) -> str:
    """The trace id: 32 hex digits."""
    return traceparent[3:35]


def current() -> str | None:
    """The `traceparent` of what is submitted or sent now."""
    return _current.get()[0]


def headers() -> dict[str, str]:
    """The trace context of what is submitted or sent now: `traceparent`, and `tracestate` if there is one."""
    traceparent, tracestate = _current.get()
    if traceparent is None:
        return {}
    return {"traceparent": traceparent} | ({"tracestate": tracestate} if tracestate else {})


class Step:
    """A step of a trace, as a context manager. This one records nothing: it only sets the current trace context."""

    def __init__(self, traceparent: str | None, tracestate: str | None) -> None:
        # A state without its parent belongs to no trace.
        self._trace = (traceparent, tracestate if traceparent else None)
        self._before: Token[tuple[str | None, str | None]] | None = None

    def __enter__(self) -> Self:
        self._before = _current.set(self._trace)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            _current.reset(self._before)

    def note(self, about: About, name: str | None = None) -> None:
        """Add attributes that are known at the end only, and a better name."""

    def fail(self, code: str) -> None:
        """Mark the step as failed. code: of the refusal, or the name of the exception's class."""


class _Unchanged(Step):
    """Leaves the current trace context as it is. One instance serves all."""

    def __init__(self) -> None:
        super().__init__(None, None)

    def __enter__(self) -> Self:
        return self


class _Recorded(Step):
    """A step that is a span."""

    def __init__(self, span: "trace.Span") -> None:
        context = span.get_span_context()
        written = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        # With OTEL_SDK_DISABLED it is not valid.
        super().__init__(written if context.is_valid else None, context.trace_state.to_header() or None)
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


_UNCHANGED = _Unchanged()


def step(name: str, sort: Sort = "internal", about: About | None = None) -> Step:
    """A step inside the current one. about: the span's attributes."""
    if _start is None:
        return _UNCHANGED
    return _Recorded(_start(name, sort, *_current.get(), about or {}))


def entry(
    traceparent: str | None, name: str, sort: Sort, about: About | None = None, *, tracestate: str | None = None
) -> Step:
    """The first step in a trace that came from elsewhere; without one, of a new trace, if spans are recorded at all."""
    if _start is None:
        return Step(traceparent, tracestate)
    return _Recorded(_start(name, sort, traceparent, tracestate, about or {}))


def configure(endpoint: str | None, service: str) -> None:
    """Record spans from now on, and export them. Called once per process, after the logs are configured.

    The SDK reads all its other settings from the environment.

    Args:
        endpoint: base URL of the OTLP collector; without one, nothing is recorded.
        service: `service.name`, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES sets another.
    """
    if not endpoint:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        # Platforms set the variable for every app, also for those that cannot export.
        hint = "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: bin/setup otel installs it."
        log.warning("tracing.off", hint=hint)
        return
    library = logging.getLogger("opentelemetry")
    library.addHandler(_LogHandler())
    library.propagate = False
    resource = Resource.create()
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: service}))
    # Not the global provider: other libraries would write to it, with texts that our spans leave out.
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint.rstrip("/") + TRACES_PATH)))
    _record(provider)
    log.info("tracing.on", service=resource.attributes[SERVICE_NAME])


def _record(provider: "trace.TracerProvider") -> None:
    from opentelemetry import trace  # noqa: PLC0415

    global _start  # noqa: PLW0603 - one for the process, like the logs
    tracer = provider.get_tracer("pressroom")
    kinds = {kind.name.lower(): kind for kind in trace.SpanKind}

    def start(name: str, sort: Sort, parent: str | None, state: str | None, about: About) -> trace.Span:
        context = None if parent is None else _context(parent, state, remote=sort in ("server", "consumer"))
        return tracer.start_span(name, context, kinds[sort], about)

    def _context(parent: str, state: str | None, *, remote: bool) -> "Context":
        _, trace_id, span_id, flags = parent.split("-")
        given = trace.TraceState.from_header([state]) if state else None
        span = trace.SpanContext(int(trace_id, 16), int(span_id, 16), remote, trace.TraceFlags(int(flags, 16)), given)
        return trace.set_span_in_context(trace.NonRecordingSpan(span))

    _start = start


class _LogHandler(logging.Handler):
    """Writes OpenTelemetry's warnings, such as a failed export, as log lines of ours."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        log.warning("tracing.warning", message=record.getMessage())
