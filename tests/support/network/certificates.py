"""Certificates of the tests' own: an authority, and what it signs for a name or an address."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

CRITICAL = (x509.BasicConstraints, x509.KeyUsage)
KEY_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


class Authority:
    """Signs certificates. file: its own, for clients that are to trust it (`SSL_CERT_FILE`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("The tests' authority")
        certificate = self._build(
            self._name,
            self._key,
            1,
            x509.BasicConstraints(ca=True, path_length=None),
            x509.KeyUsage(**dict.fromkeys(KEY_USES, False) | {"key_cert_sign": True}),
        )
        self.file = folder / "authority.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def server(
        self, *hosts: str, days: int = 1, common_name: str | None = None, rsa_key: bool = False
    ) -> ssl.SSLContext:
        """What a server of ours for these names and addresses shows; the arguments are those of `server_file`."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.server_file(*hosts, days=days, common_name=common_name, rsa_key=rsa_key))
        return context

    def server_file(self, *hosts: str, days: int = 1, common_name: str | None = None, rsa_key: bool = False) -> Path:
        """A PEM file with key and certificate of a server for these names and addresses.

        Args:
            hosts: Subject alternative names.
            days: Until it expires; negative for one that has.
            common_name: In the place of `hosts`, as certificates were before they had alternative names.
            rsa_key: Whether its key is one of RSA, for suites that need it.
        """
        key = rsa.generate_private_key(65537, 2048) if rsa_key else ec.generate_private_key(ec.SECP256R1())
        names = [x509.SubjectAlternativeName([_general_name(host) for host in hosts])] if common_name is None else []
        certificate = self._build(_name(common_name or "A test's server"), key, days, *names)
        file = self._folder / f"{certificate.serial_number}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return file

    def _build(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
        days: int,
        *extensions: x509.ExtensionType,
    ) -> x509.Certificate:
        """A certificate with what RFC 5280 asks for, which Python 3.13 and later insist on."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=30))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, CRITICAL))
        return builder.sign(self._key, hashes.SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
