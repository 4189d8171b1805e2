"""Why a request failed. The messages tell nothing about our own network."""

from collections.abc import Mapping

import httpx

from tasks.outbound.dialer import DialError
from tasks.outbound.protocol import OutboundError
from tasks.outbound.timing import RequestTiming
from tasks.outbound.transport import UnexpectedError

MESSAGES = {
    "address_refused": "The host resolves to an IP address that is not public.",
    "dns_failed": "The host name could not be resolved. Check that it is in the DNS.",
    "connect_failed": "The connection was refused. Check that the server runs and accepts connections from here.",
    "connect_timed_out": "The connection timed out. Check that the server runs and accepts connections from here.",
    "tls_failed": "The TLS handshake failed. Check that the certificate is valid for the host as a subject alternative "
    "name, that its chain is complete, and that the server asks for no client certificate.",
    "proxy_failed": "The proxy through which requests leave does not work. Its operator can check OUTBOUND_PROXY.",
    "connection_lost": "The connection was closed before the response was complete.",
    "answer_timed_out": "The response was not complete in time. Respond first, then do the work.",
    "malformed_answer": "The response is not valid HTTP, or its headers are too large.",
    "outbound_failed": "The request failed for a reason that Pressroom does not know. Its log says more.",
}


def outbound_error(
    error: httpx.TransportError | TimeoutError,
    timing: RequestTiming,
    status: int | None = None,
    *,
    sent: Mapping[str, str] | None = None,
) -> OutboundError:
    """What the caller of `Outbound` is told of an error of the transport, or of the time limit of the whole.

    Args:
        error: The error.
        timing: Of the request.
        status: Of the response, if so much of it came.
        sent: The headers of the request.
    """
    code = code_of(error, timing)
    message = MESSAGES[code] if status is None else f"{MESSAGES[code]} Its status was {status}."
    return OutboundError(code, message, timing=timing.parts_ms(), ip=timing.ip, status=status, sent=sent)


def code_of(error: httpx.TransportError | TimeoutError, timing: RequestTiming) -> str:
    """Which of MESSAGES it is."""
    if isinstance(error, DialError):
        return error.code
    if isinstance(error, TimeoutError):
        if timing.connected is not None:
            return "answer_timed_out"
        return "dns_failed" if timing.dialled is None else "connect_timed_out"
    if isinstance(error, UnexpectedError):
        return "outbound_failed"
    return "malformed_answer" if isinstance(error, httpx.RemoteProtocolError) else "connection_lost"
