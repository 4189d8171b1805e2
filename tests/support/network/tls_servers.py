"""Servers that speak TLS, with certificates of the tests' own authority: Redis, and S3."""

import socket
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from tests.support.servers import RcloneServer
from tools.servers import REDIS_SERVER, Valkey


class TlsRedis(Valkey):
    """Debian's redis-server, which takes TLS only, and a password.

    certificate: A PEM file with its key and certificate.
    """

    def __init__(
        self,
        certificate: Path,
        *,
        password: str,
        appendonly: bool = False,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        assert REDIS_SERVER is not None
        super().__init__(program=REDIS_SERVER, appendonly=appendonly, options=options)
        self._tls = {
            "port": "0",
            "tls-port": str(self.port),
            "tls-cert-file": str(certificate),
            "tls-key-file": str(certificate),
            "tls-auth-clients": "no",
        }
        self._password = password
        self.url = f"rediss://:{quote(password, safe='')}@127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        command = super().command()
        for name, value in self._tls.items():
            command += [f"--{name}", value]
        return [*command, "--requirepass", self._password]

    def _is_loading(self) -> bool:
        """Its data is read before it listens, but for a large one, which no test has."""
        with socket.create_connection(("127.0.0.1", self.port)):
            return False


class TlsRcloneServer(RcloneServer):
    """The S3 server that verifies signatures, behind TLS.

    certificate: A PEM file with its key and certificate.
    """

    def __init__(self, certificate: Path) -> None:
        super().__init__()
        self._certificate = str(certificate)
        self.url = f"https://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [*super().command(), "--cert", self._certificate, "--key", self._certificate]
