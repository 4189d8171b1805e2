"""Which backend STORAGE_URL names, and how patient we are with it."""

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, MemoryStore, S3Store

from tasks.settings import Settings
from tasks.storage.blob_store import BlobStore

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

# A dead storage is found out within seconds; obstore's own defaults go on for three minutes.
CONNECT_TIMEOUT = timedelta(seconds=2)
SILENCE_TIMEOUT = timedelta(seconds=10)  # without a byte of an answer; a part of 5 MiB must have gone up by then
TRANSFER_TIMEOUT = timedelta(hours=1)  # a whole download, at the pace of whoever reads it
MAX_RETRIES = 2
RETRY_WINDOW = timedelta(seconds=8)  # from the first request on; after it, no retry starts

CLIENT: "ClientConfig" = {
    "connect_timeout": CONNECT_TIMEOUT,
    "read_timeout": SILENCE_TIMEOUT,
    "timeout": TRANSFER_TIMEOUT,
}
RETRY: "RetryConfig" = {"max_retries": MAX_RETRIES, "retry_timeout": RETRY_WINDOW}

BUCKET_AND_PREFIX = re.compile(r"([A-Za-z0-9][\w.-]+)((?:/[\w=-][\w.=-]*)*)/?", re.ASCII)


def open_backend(settings: Settings) -> BlobStore:
    """See `tasks.storage.protocol.open_storage`. Makes a local folder; connects to nothing."""
    url = settings.storage_url
    scheme, _, rest = url.partition("://")
    try:
        if scheme == "file" and rest:
            return open_folder(rest)
        if scheme == "memory" and rest in {"", "/"}:
            note = "for tests: no other process sees it, and it ends with this one"
            return BlobStore(MemoryStore(), name="memory", note=note)
        if place := BUCKET_AND_PREFIX.fullmatch(rest):
            bucket, prefix = place[1], place[2].strip("/") or None
            if scheme == "s3":
                return open_s3(url, bucket, prefix, settings.storage_endpoint)
            if scheme == "gs":
                return BlobStore(GCSStore(bucket, prefix=prefix, client_options=CLIENT, retry_config=RETRY), name=url)
            if scheme == "az":
                return BlobStore(AzureStore(bucket, prefix=prefix, client_options=CLIENT, retry_config=RETRY), name=url)
    except (BaseError, OSError) as error:
        hint = "; set AZURE_STORAGE_ACCOUNT_NAME and a key" if scheme == "az" else ""
        raise ValueError(f"STORAGE_URL={url} cannot be opened: {str(error).partition(chr(10))[0]}{hint}") from error
    # The URL stays out of the message: someone may have written a password into it.
    raise ValueError(
        "STORAGE_URL names no place we know; write file://folder, s3://bucket/prefix, gs://bucket/prefix, "
        "az://container/prefix or memory://"
    )


def open_folder(path: str) -> BlobStore:
    folder = Path(unquote(path)).absolute()
    note = "for development: processes on other machines do not see it"
    return BlobStore(LocalStore(folder, mkdir=True), name=f"local folder {path}", note=note, folder=folder)


def open_s3(url: str, bucket: str, prefix: str | None, endpoint: str | None) -> BlobStore:
    """Credentials and region are the SDK's own `AWS_*` variables."""
    if endpoint is None:
        return BlobStore(S3Store(bucket, prefix=prefix, client_options=CLIENT, retry_config=RETRY), name=url)
    address = urlsplit(endpoint)
    if address.scheme not in {"http", "https"} or not address.hostname or address.username:
        raise ValueError("STORAGE_ENDPOINT is no address; write https://host or http://host:port")
    client: ClientConfig = {**CLIENT, "allow_http": address.scheme == "http"}
    store = S3Store(bucket, prefix=prefix, aws_endpoint_url_s3=endpoint, client_options=client, retry_config=RETRY)
    return BlobStore(store, name=f"{url} at {endpoint}")
