"""Settings of public URLs of files."""

from typing import Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

from tasks.settings.outbound import SECRET_KEY_CHARS
from tasks.settings.server import base_url_of
from tasks.settings.units import MiB


class FileSettings(BaseModel):
    """Signed URLs that can be put into a page."""

    # Public URLs of files
    files_key: SecretStr | None = Field(
        None,
        description="Signs public URLs of files (`/f/…`); 32 random characters or more. `new,old` while it is being changed: URLs that a key signed which is no longer listed answer 404. Without it, SECRET_KEY signs them; to change from there, write `FILES_KEY=new,<SECRET_KEY>`.",
    )
    public_files_url: str | None = Field(
        None,
        description="A base URL with a host of its own, such as `https://files.example.com`, with which public URLs of files begin. That host answers `/f/` alone. Only there browsers show PDF files; elsewhere they save them. Without it, PUBLIC_URL.",
    )
    file_urls: Literal["private", "public"] = Field(
        "private",
        description="What `url` and `markup` of a job have, unless its submit says `urls`: `private`, URLs that need an API key; `public`, signed ones that anyone can open.",
    )

    # Destinations
    max_destinations: int = Field(20, ge=0, description="Destinations of one owner.")
    max_destination_bytes: int = Field(
        64 * MiB,
        gt=0,
        description="Bytes of one file that is copied into a destination; a worker has it in memory meanwhile.",
    )
    destination_memory_bytes: int = Field(
        128 * MiB,
        gt=0,
        description="Bytes of all files that a worker process copies into destinations at a time.",
    )
    destination_timeout_s: float = Field(
        60,
        gt=0,
        description="Seconds that the copy of one file into a destination may take, besides the time limit of the job's kind.",
    )
    destination_pause_s: float = Field(
        30,
        ge=0,
        description="Seconds for which a worker process postpones all jobs of a destination that has failed, without running them. Then one job tries it again.",
    )

    @field_validator("files_key")
    @classmethod
    def _long_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        if any(len(part.strip()) < SECRET_KEY_CHARS for part in value.get_secret_value().split(",")):
            raise ValueError(f"a FILES_KEY has at least {SECRET_KEY_CHARS} characters; openssl rand -hex 32 makes one")
        return value

    @field_validator("public_files_url")
    @classmethod
    def _files_host(cls, value: str | None) -> str | None:
        return base_url_of("PUBLIC_FILES_URL", value)
