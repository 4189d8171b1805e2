"""An HTTP proxy through which requests leave: it is asked for IP addresses that were checked, never for names."""

import asyncio
import re
import socket
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote, urlsplit

import aiohappyeyeballs

from tasks.outbound.networks import Address

MAX_HEAD_BYTES = 16 * 1024
"""Of the proxy's response to CONNECT."""
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[ \r\n]")
NEXT_ADDRESS_S = 0.25
"""How long one address of the proxy may take before the next one is tried beside it."""
FORM = "OUTBOUND_PROXY must have the form http://host:port or http://user:password@host:port."


class ProxyFailed(OSError):  # noqa: N818 - an outcome
    """The proxy could not be reached, wants other credentials, or is no HTTP proxy."""


class ConnectRefused(OSError):  # noqa: N818 - an outcome
    """The proxy did not open the connection that was asked for."""


@dataclass(frozen=True, slots=True)
class EgressProxy:
    """An HTTP proxy that understands CONNECT. authorization: the header's value; None without credentials."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read the setting OUTBOUND_PROXY. Raises: ValueError, whose message does not repeat the URL."""
        try:
            parts = urlsplit(url.strip())
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ValueError(FORM) from None
        if parts.scheme != "http" or not host or port is None or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError(FORM)
        if parts.username is None:
            return cls(host, port)
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        return cls(host, port, f"Basic {b64encode(credentials).decode()}")

    async def connect(self, address: Address, port: int, *, timeout_s: float) -> socket.socket:
        """A socket whose other end is the address.

        Args:
            address: That is asked for.
            port: Of the address.
            timeout_s: Seconds that the connection to the proxy itself may take.

        Raises:
            ProxyFailed: It is the proxy that does not work.
            ConnectRefused: The proxy works, and did not reach the address or does not want to.
        """
        try:
            async with asyncio.timeout(timeout_s):
                sock = await self._dial()
        except TimeoutError as error:
            raise ProxyFailed("the proxy does not answer") from error
        try:
            return await self._ask(sock, f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}")
        except BaseException:
            sock.close()
            raise

    async def _dial(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        try:
            # By the system, whose files and search domains may name it, and without the guard: an operator has set it.
            found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
            return await aiohappyeyeballs.start_connection(found, happy_eyeballs_delay=NEXT_ADDRESS_S)
        except (OSError, RuntimeError) as error:
            raise ProxyFailed("the proxy could not be reached") from error

    async def _ask(self, sock: socket.socket, target: str) -> socket.socket:
        loop = asyncio.get_running_loop()
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if self.authorization is not None:
            lines.append(f"Proxy-Authorization: {self.authorization}")
        head = b""
        try:
            await loop.sock_sendall(sock, "\r\n".join([*lines, "", ""]).encode())
            while b"\r\n\r\n" not in head and len(head) < MAX_HEAD_BYTES:
                # Nothing but the head can come: who is asked for TLS or HTTP does not speak first.
                part = await loop.sock_recv(sock, 4096)
                if not part:
                    break
                head += part
        except OSError as error:
            raise ProxyFailed("the proxy closed the connection") from error
        status = STATUS_LINE.match(head)
        if status is None or not head.endswith(b"\r\n\r\n") or status[1] == b"407":
            raise ProxyFailed("the proxy did not answer CONNECT as it should")
        if not status[1].startswith(b"2"):
            raise ConnectRefused(f"the proxy answered {status[1].decode()}")
        return sock
