"""TLS of outbound connections: whom they trust, and with which suites."""

import ssl
from functools import cache
from weakref import WeakSet

import certifi

RSA_KEY_EXCHANGE = "kx-rsa"
WITHOUT_FORWARD_SECRECY = ("AES256-GCM-SHA384", "AES128-GCM-SHA256")
"""The AES-GCM suites of TLS 1.2 with RSA key exchange: who gets the server's key later can read what was sent."""

_HANDSHAKE, _CERTIFICATE_REQUEST = 22, 13
_ASKED: "WeakSet[ssl.SSLObject]" = WeakSet()


def asks_for_certificate(connection: ssl.SSLObject | None) -> bool:
    """Whether the server has asked for a client certificate. None: there is no TLS.

    Some servers close the connection without an alert when they get none, and with TLS 1.3 only after the client has
    seen the handshake succeed.
    """
    return connection in _ASKED


def _note_request(
    connection: ssl.SSLObject, _direction: str, _version: int, content_type: int, message_type: int, _data: bytes
) -> None:
    if (content_type, message_type) == (_HANDSHAKE, _CERTIFICATE_REQUEST):
        _ASKED.add(connection)


@cache
def tls_context(ca_file: str | None = None, rsa_key_exchange: bool = False) -> ssl.SSLContext:
    """The TLS settings of every connection: TLS 1.2 or later, with verification.

    Trusts the system's authorities, or those of `SSL_CERT_FILE` in their place, and certifi's. A certificate names its
    hosts as subject alternative names; its common name counts for nothing. Made once: reading the authorities takes
    some 30 ms.

    Args:
        ca_file: A PEM file of authorities that are trusted as well.
        rsa_key_exchange: Whether WITHOUT_FORWARD_SECRECY is allowed too.

    Raises:
        ValueError: The file cannot be read, or holds no certificate.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:  # of ssl too
            raise ValueError(
                f"OUTBOUND_CA_FILE={ca_file} cannot be read as a PEM file of certificates ({error}). Name another one."
            ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    suites = [one["name"] for one in context.get_ciphers() if one["kea"] != RSA_KEY_EXCHANGE]
    context.set_ciphers(":".join([*suites, *(WITHOUT_FORWARD_SECRECY if rsa_key_exchange else ())]))
    context.set_alpn_protocols(["http/1.1"])
    # Made for debugging, and the only way to learn of it. Called some 30 times a handshake, and not after it.
    context._msg_callback = _note_request  # type: ignore[attr-defined]  # noqa: SLF001
    return context
