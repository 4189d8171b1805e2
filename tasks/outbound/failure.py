"""What went wrong on the way, in words that tell nobody what is inside our network."""

import aiohttp
import httpx

from tasks.outbound.protocol import Unreachable
from tasks.outbound.resolver import AddressRefused
from tasks.outbound.timing import Passage

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


def unreachable(error: Exception, passage: Passage) -> Unreachable:
    """error: what httpx, aiohttp or the passage's limit raised."""
    code = code_of(error, passage)
    return Unreachable(code, MESSAGES[code], timing=passage.timing(), address=passage.address)


def code_of(error: Exception, passage: Passage) -> str:
    """Which of MESSAGES it is."""
    # httpx-aiohttp says `ConnectTimeout` of most errors; its cause is what happened.
    cause = error.__cause__ if isinstance(error, httpx.TransportError) else error
    if passage.refused:
        return "address_refused"
    if isinstance(cause, aiohttp.ClientConnectorError):
        return _of_connector(cause)
    if passage.limit.expired():
        if passage.connected is not None:
            return "answer_timed_out"
        return "dns_failed" if passage.dialled is None else "connect_timed_out"
    return "malformed_answer" if isinstance(cause, aiohttp.ClientResponseError) else "connection_lost"


def _of_connector(error: aiohttp.ClientConnectorError) -> str:
    reason = error.os_error
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "address_refused" if isinstance(reason, AddressRefused) else "dns_failed"
    # A connection that is made and broken again was in its handshake.
    if isinstance(error, aiohttp.ClientSSLError) or isinstance(reason, ConnectionResetError | ConnectionAbortedError):
        return "tls_failed"
    return "connect_timed_out" if isinstance(reason, TimeoutError) else "connect_failed"
