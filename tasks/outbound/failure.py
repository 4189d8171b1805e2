"""Why a request failed. The messages tell nothing about our own network."""

import httpx

from tasks.outbound.dialer import DialError
from tasks.outbound.protocol import OutboundError
from tasks.outbound.timing import RequestTiming

MESSAGES = {
    "address_refused": "The host resolves to an IP address that is not public.",
    "dns_failed": "The host name could not be resolved. Check that it is in the DNS.",
    "connect_failed": "The connection was refused. Check that the server runs and accepts connections from here.",
    "connect_timed_out": "The connection timed out. Check that the server runs and accepts connections from here.",
    "tls_failed": "The TLS handshake failed. Check that the certificate is valid for the host and its chain complete.",
    "connection_lost": "The connection was closed before the response was complete.",
    "answer_timed_out": "The response was not complete in time. Respond first, then do the work.",
    "malformed_answer": "The response is not valid HTTP, or its headers are too large.",
}


def outbound_error(error: httpx.TransportError | TimeoutError, timing: RequestTiming) -> OutboundError:
    """What the caller of `Outbound` is told of an error of the transport, or of the time limit of the whole."""
    code = code_of(error, timing)
    return OutboundError(code, MESSAGES[code], timing=timing.parts_ms(), ip=timing.ip)


def code_of(error: httpx.TransportError | TimeoutError, timing: RequestTiming) -> str:
    """Which of MESSAGES it is."""
    if isinstance(error, DialError):
        return error.code
    if isinstance(error, TimeoutError):
        if timing.connected is not None:
            return "answer_timed_out"
        return "dns_failed" if timing.dialled is None else "connect_timed_out"
    return "malformed_answer" if isinstance(error, httpx.RemoteProtocolError) else "connection_lost"
