"""Opens the storage that STORAGE_URL names, with its time limits and retries.

obstore starts threads of its own and must never be loaded in a sandbox child: import this module only where a process
opens its resources. Kinds import `tasks.storage.protocol`.
"""

import os
import re
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, MemoryStore, S3Store

from tasks.settings import MiB, Settings
from tasks.settings.add_ons import AddOnBucket
from tasks.storage.blob_store import BlobStore
from tasks.storage.folder.private_folder import FOLDER_MODE
from tasks.storage.upload_memory import UploadMemory

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

# A storage that is down is noticed within seconds; obstore's own defaults retry for three minutes.
CONNECT_TIMEOUT = timedelta(seconds=2)
SILENCE_TIMEOUT = timedelta(seconds=10)  # without a byte of an answer; a part of 5 MiB must be uploaded within it
TRANSFER_TIMEOUT = timedelta(hours=1)  # a whole download, at the pace of its reader
MAX_RETRIES = 2
RETRY_WINDOW = timedelta(seconds=8)  # counted from the first request; no retry starts after it

CLIENT: "ClientConfig" = {
    "connect_timeout": CONNECT_TIMEOUT,
    "read_timeout": SILENCE_TIMEOUT,
    "timeout": TRANSFER_TIMEOUT,
}
RETRY: "RetryConfig" = {"max_retries": MAX_RETRIES, "retry_timeout": RETRY_WINDOW}

BUCKET_AND_PREFIX = re.compile(r"([A-Za-z0-9][\w.-]+)((?:/[\w=-][\w.=-]*)*)/?", re.ASCII)


def open_storage(settings: Settings) -> BlobStore:
    """Open the storage that `settings.storage_url` names. Creates a local folder; connects to nothing.

    Returns:
        The storage, a `tasks.storage.protocol.Storage`.

    Raises:
        ValueError: A setting of the storage cannot be used, or STORAGE_URL is not set outside development, or the
            storage is local on a platform whose processes share no disk. The message says what to write instead.
    """
    bucket = settings.add_on_bucket
    if bucket is None and not settings.dev and "storage_url" not in settings.model_fields_set:
        raise ValueError(
            "STORAGE_URL is not set. Set it to s3://, gs:// or az://, or to file:///folder if web and worker share a "
            "disk. On your own machine, DEV=1 does without."
        )
    storage = _open_add_on(bucket) if bucket else _open_url(settings)
    storage.memory = UploadMemory(settings.upload_memory_mb * MiB)
    if settings.dyno is not None and not storage.shared:
        raise ValueError(f"STORAGE_URL is a {storage.description}; on this platform set it to s3://, gs:// or az://.")
    return storage


def _open_add_on(bucket: AddOnBucket) -> BlobStore:
    name, _, prefix = bucket.url.removeprefix("s3://").partition("/")
    secret = bucket.secret_access_key.get_secret_value()
    store = S3Store(
        name,
        prefix=prefix or None,
        access_key_id=bucket.access_key_id,
        secret_access_key=secret,
        region=bucket.region,
        client_options=CLIENT,
        retry_config=RETRY,
    )
    return BlobStore(store, name=bucket.url, secret=secret)


def _open_url(settings: Settings) -> BlobStore:
    url, client = settings.storage_url, CLIENT
    scheme, _, rest = url.partition("://")
    if settings.storage_ca is not None:
        client = {**CLIENT, "root_certificate": settings.storage_ca}
    if settings.storage_public_endpoint is not None and scheme != "s3":
        raise ValueError("STORAGE_PUBLIC_ENDPOINT is for s3:// storages: downloads from others go through web.")
    try:
        if scheme == "file" and rest:
            return _open_folder(rest)
        if scheme == "memory" and rest in {"", "/"}:
            note = "for tests: no other process sees it, and it ends with this process"
            return BlobStore(MemoryStore(), name="memory", note=note)
        if place := BUCKET_AND_PREFIX.fullmatch(rest):
            bucket, prefix = place[1], place[2].strip("/") or None
            if scheme == "s3":
                return _open_s3(settings, bucket, prefix, client)
            if scheme == "gs":
                return BlobStore(GCSStore(bucket, prefix=prefix, client_options=client, retry_config=RETRY), name=url)
            if scheme == "az":
                return BlobStore(AzureStore(bucket, prefix=prefix, client_options=client, retry_config=RETRY), name=url)
    except (BaseError, OSError) as error:
        hint = "; set AZURE_STORAGE_ACCOUNT_NAME and a key" if scheme == "az" else ""
        raise ValueError(f"STORAGE_URL={url} cannot be opened: {str(error).partition(chr(10))[0]}{hint}") from error
    # The URL stays out of the message: it may contain a password.
    raise ValueError(
        "STORAGE_URL is not a storage that Pressroom knows; write file://folder, s3://bucket/prefix, "
        "gs://bucket/prefix, az://container/prefix or memory://"
    )


def _open_folder(path: str) -> BlobStore:
    folder = Path(unquote(path)).absolute()
    with suppress(OSError):  # told by the first check
        folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
    note = "for development: processes on other machines do not see it"
    return BlobStore(LocalStore(folder, mkdir=True), name=f"local folder {path}", note=note, folder=folder)


def _open_s3(settings: Settings, bucket: str, prefix: str | None, client: "ClientConfig") -> BlobStore:
    """Open a bucket; credentials and region come from the SDK's own `AWS_*` variables."""
    url, endpoint, public = settings.storage_url, settings.storage_endpoint, settings.storage_public_endpoint

    def opened(at: str | None, setting: str) -> S3Store:
        if at is None:
            return S3Store(bucket, prefix=prefix, client_options=client, retry_config=RETRY)
        parts = urlsplit(at)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise ValueError(f"{setting} is not a URL that can be used; write https://host or http://host:port")
        options: ClientConfig = {**client, "allow_http": parts.scheme == "http"}
        return S3Store(bucket, prefix=prefix, aws_endpoint_url_s3=at, client_options=options, retry_config=RETRY)

    return BlobStore(
        opened(endpoint, "STORAGE_ENDPOINT"),
        name=url if endpoint is None else f"{url} at {endpoint}",
        secret=os.environ.get("AWS_SECRET_ACCESS_KEY"),
        public=None if public is None else opened(public, "STORAGE_PUBLIC_ENDPOINT"),
    )
