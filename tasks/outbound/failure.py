"""Why a request failed, in words that tell nobody what is inside our network."""

import httpx

from tasks.outbound.dialer import DialError
from tasks.outbound.protocol import OutboundError
from tasks.outbound.timing import RequestTiming

MESSAGES = {
    "address_refused": "The host leads to an address that is not public.",
    "dns_failed": "The host's name could not be resolved; check that it is in the DNS.",
    "connect_failed": "Nobody accepted the connection; check that the server runs and lets us in.",
    "connect_timed_out": "The connection was not made in time; check that the server runs and lets us in.",
    "tls_failed": "The TLS handshake failed; check that the certificate is valid for the host, and its chain complete.",
    "connection_lost": "The connection broke before the answer was whole.",
    "answer_timed_out": "The answer was not whole in time; answer first, then work.",
    "malformed_answer": "The answer is not HTTP as we read it, or its head is too large.",
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
