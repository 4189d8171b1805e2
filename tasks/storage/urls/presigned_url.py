"""Adds parameters to a presigned URL of S3: AWS Signature Version 4, in the query.

obstore signs URLs, but takes no parameters for them. With `response-content-disposition` and `response-content-type` S3
names a download as the asker's record does, and not as whoever stored the same bytes last.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

SIGNATURE: Final = "X-Amz-Signature"
SAFE: Final = "-_.~"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Of an S3-compatible server, and the region of the bucket."""

    access_key_id: str
    secret: str
    region: str


def presigned(method: str, url: str, credentials: Credentials, seconds: int, now: datetime) -> str:
    """Sign a URL without parameters.

    Args:
        method: The HTTP method that it is for.
        url: Scheme, host and path of the object, not encoded.
        credentials: Those that sign.
        seconds: How long it works.
        now: The time in UTC.
    """
    parts = urlsplit(url)
    path, time = quote(parts.path, safe=f"/{SAFE}"), f"{now:%Y%m%dT%H%M%SZ}"
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{credentials.access_key_id}/{time[:8]}/{credentials.region}/s3/aws4_request",
        "X-Amz-Date": time,
        "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": "host",
    }
    query[SIGNATURE] = _signature(credentials.secret, parts.netloc, path, query, method)
    return f"{parts.scheme}://{parts.netloc}{path}?{_canonical(query)}"


def with_parameters(url: str, secret: str, parameters: Mapping[str, str]) -> str | None:
    """Sign a presigned URL again, with more parameters.

    Args:
        url: A URL for GET that was signed with `secret`; only the header `host` is signed in it.
        secret: The secret access key.
        parameters: The parameters to add, such as `response-content-type`.

    Returns:
        The URL, or None if another key has signed the given one.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    given = query.pop(SIGNATURE, "")
    host, path = parts.netloc, parts.path
    if not hmac.compare_digest(given, _signature(secret, host, path, query)):
        return None
    query |= parameters
    query[SIGNATURE] = _signature(secret, host, path, query)
    return f"{parts.scheme}://{host}{path}?{_canonical(query)}"


def _signature(secret: str, host: str, path: str, query: Mapping[str, str], method: str = "GET") -> str:
    request = f"{method}\n{path}\n{_canonical(query)}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    _, _, scope = query["X-Amz-Credential"].partition("/")
    text = f"{query['X-Amz-Algorithm']}\n{query['X-Amz-Date']}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    return hmac.digest(signing_key(secret, scope), text.encode(), "sha256").hex()


def signing_key(secret: str, scope: str) -> bytes:
    """The key that signs within a scope: `date/region/service/aws4_request`."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _canonical(query: Mapping[str, str]) -> str:
    pairs = sorted((quote(name, safe=SAFE), quote(value, safe=SAFE)) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)
