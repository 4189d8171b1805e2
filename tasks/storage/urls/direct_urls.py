"""Signs requests with which a browser stores an object by itself: a form that an S3 policy limits, or a plain PUT.

A policy fixes the object's key, the range of its size, and until when it may be sent (AWS Signature Version 4, POST).
obstore signs URLs but no policies; host, time and scope are taken from a URL that it signs.
"""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote, urlsplit

import obstore
from obstore.store import AzureStore, GCSStore, S3Store

from tasks.storage.incoming import DirectPlace
from tasks.storage.urls.presigned_url import signing_key, with_parameters

if TYPE_CHECKING:
    from obstore.store import ObjectStore

DATE: Final = "%Y%m%dT%H%M%SZ"


def direct_place(
    store: "ObjectStore",
    secret: str | None,
    key: str,
    *,
    method: str,
    max_bytes: int,
    seconds: int,
    type: str | None,
) -> DirectPlace | None:
    """Sign such a request; see `tasks.storage.incoming.Incoming.direct_place`."""
    if not isinstance(store, S3Store | GCSStore | AzureStore):
        return None
    if method == "PUT":
        url = obstore.sign(store, "PUT", key, timedelta(seconds=seconds))
        return DirectPlace(url, headers={"x-ms-blob-type": "BlockBlob"} if isinstance(store, AzureStore) else {})
    if secret is None or not isinstance(store, S3Store):
        return None
    url = obstore.sign(store, "GET", key, timedelta(seconds=seconds))
    if with_parameters(url, secret, {}) is None:
        return None  # another key than the one we know has signed
    prefix = str(store.prefix or "").strip("/")
    whole_key = f"{prefix}/{key}" if prefix else key
    bucket = str(store.config["bucket"])
    return signed_form(url, secret, bucket, whole_key, max_bytes=max_bytes, seconds=seconds, type=type)


def signed_form(
    url: str, secret: str, bucket: str, key: str, *, max_bytes: int, seconds: int, type: str | None = None
) -> DirectPlace:
    """Make a form that stores one object.

    Args:
        url: A presigned URL of the object, which `secret` has signed.
        secret: The secret access key.
        bucket: The bucket.
        key: The object's key in it.
        max_bytes: Most bytes of the object.
        seconds: How long the form works.
        type: The media type that it must name; None for none.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    signed_at = datetime.strptime(query["X-Amz-Date"], DATE).replace(tzinfo=UTC)
    fields = {
        "key": key,
        "x-amz-algorithm": query["X-Amz-Algorithm"],
        "x-amz-credential": query["X-Amz-Credential"],
        "x-amz-date": query["X-Amz-Date"],
    }
    if token := query.get("X-Amz-Security-Token"):
        fields["x-amz-security-token"] = token
    if type is not None:
        fields["Content-Type"] = type
    conditions: list[object] = [{"bucket": bucket}, *({name: value} for name, value in fields.items())]
    conditions.append(["content-length-range", 1, max_bytes])
    expiration = (signed_at + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    document = json.dumps({"expiration": expiration, "conditions": conditions})
    policy = base64.b64encode(document.encode()).decode()
    _, _, scope = query["X-Amz-Credential"].partition("/")
    signature = hmac.digest(signing_key(secret, scope), policy.encode(), "sha256").hex()
    place = parts.path.removesuffix(quote(key, safe="/-_.~"))
    bucket_url = f"{parts.scheme}://{parts.netloc}{place.rstrip('/') or '/'}"
    return DirectPlace(bucket_url, fields | {"policy": policy, "x-amz-signature": signature})
