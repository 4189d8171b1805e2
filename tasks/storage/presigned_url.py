"""Adds parameters to a presigned URL of S3: AWS Signature Version 4, in the query.

obstore signs URLs, but takes no parameters for them. With `response-content-disposition` and `response-content-type` S3
names a download as the asker's record does, and not as whoever stored the same bytes last.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

SIGNATURE: Final = "X-Amz-Signature"
SAFE: Final = "-_.~"


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


def _signature(secret: str, host: str, path: str, query: Mapping[str, str]) -> str:
    request = f"GET\n{path}\n{_canonical(query)}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
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
