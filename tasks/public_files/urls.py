"""The URLs of a job's files, as answers and events have them."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, Literal

from pydantic import SecretStr

from tasks.public_files.signing import FileSigner, SignedFile
from tasks.settings import Settings

FileUrls = Literal["private", "public"]
"""`private`: URLs that need an API key; `public`: signed ones that anyone can open."""
UrlOf = Callable[[Mapping[str, Any]], str]
"""Returns the URL of a file of a record."""

OF_ANY_TYPE: Final = "application/octet-stream"
_TYPE: Final = re.compile(r"[A-Za-z0-9][\w.+-]{0,60}/[A-Za-z0-9][\w.+-]{0,60}", re.ASCII)
_DEVELOPMENT_KEY: Final = SecretStr("development: each client of the port may do everything")


class PublicFiles:
    """Makes public URLs, and knows which those of a job are.

    Args:
        key: What signs them, as FILES_KEY; None if nothing does.
        base_url: PUBLIC_FILES_URL.
        default: FILE_URLS.
    """

    def __init__(self, key: SecretStr | None, base_url: str | None, default: FileUrls) -> None:
        self.signer = FileSigner.of(key)
        self._base_url = base_url
        self._default = default

    @staticmethod
    def of(settings: Settings) -> "PublicFiles":
        """Those of a process. Called again, it returns the same."""
        key = settings.files_key or settings.secret_key or (_DEVELOPMENT_KEY if settings.dev else None)
        return _made(key, settings.public_files_url, settings.file_urls)

    def url(
        self,
        base_url: str,
        job_id: str,
        file: Mapping[str, Any],
        *,
        inline: bool = True,
        expires_at_s: int | None = None,
    ) -> str:
        """Return the public URL of a file.

        Args:
            base_url: What it begins with, unless PUBLIC_FILES_URL is set.
            job_id: The job that has the file.
            file: The file, as the job's record has it.
            inline: Whether a browser may show it.
            expires_at_s: Seconds since 1970 until which it works; None for as long as the file is there.

        Raises:
            ValueError: There is no key to sign with.
        """
        media_type = file["type"] if _TYPE.fullmatch(file["type"]) else OF_ANY_TYPE
        signed = SignedFile(job_id, file["blob"], file["name"], media_type, inline, expires_at_s)
        return (self._base_url or base_url) + self.signer.path(signed)

    def url_of(self, base_url: str, job_id: str, wanted: FileUrls | None = None) -> UrlOf:
        """Return what gives the URL of each file of a job.

        Args:
            base_url: What links begin with.
            job_id: The job's id.
            wanted: What its submit, or the reader, asked for; None for FILE_URLS. Without a key all are private.
        """
        if (wanted or self._default) == "public" and self.signer.has_keys:
            return lambda file: self.url(base_url, job_id, file)
        return lambda file: f"{base_url}/v1/jobs/{job_id}/files/{file['name']}"


@lru_cache(maxsize=8)
def _made(key: SecretStr | None, base_url: str | None, default: FileUrls) -> PublicFiles:
    return PublicFiles(key, base_url, default)


NO_PUBLIC_FILES: Final = PublicFiles(None, None, "private")
"""For a process without a key."""
