"""Settings of the service as a whole: Redis, storage, owners and kinds."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from tasks.settings.authorities import Authorities
from tasks.settings.owners import OPEN_OWNER, owner_fault
from tasks.settings.units import HOUR_S


class ServiceSettings(BaseModel):
    """Where the service's data is, who may use it, and which kinds of jobs it has."""

    # Redis
    redis_url: SecretStr = Field(
        SecretStr("redis://localhost:6379/0"),
        validation_alias=AliasChoices("redis_url", "redis_tls_url"),
        description="Where Redis (≥ 6.2) or Valkey is: `redis://`, `rediss://` (TLS), `unix://` or `redis+sentinel://host:port,host:port/primary/0`; percent-encode special characters of a password. [Deploy](deploy.md#redis) has all forms.",
    )
    redis_ssl_cert_reqs: Literal["required", "none"] = Field(
        "required",
        description="`none` accepts the self-signed certificates of hosted Redis plans such as Heroku's.",
    )
    redis_ca: Authorities | None = Field(
        None,
        description="The authority that has signed the certificate of Redis, if it is one of your own: a file, or its text (PEM), where the platform has no files. For `rediss://`.",
    )
    start_wait_s: float = Field(
        45,
        ge=0,
        description="Seconds that a starting process waits for processes of another installation to leave its Redis database.",
    )
    redis_max_connections: int = Field(20, ge=4, description="Connections to Redis of one process, at most.")

    # Files
    storage_url: str = Field(
        "file://./data/storage",
        description="Where files are: `file://folder`, `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`, `memory://`. The default is for development (DEV) only.",
    )
    storage_endpoint: str | None = Field(
        None,
        validation_alias=AliasChoices("storage_endpoint", "aws_endpoint_url_s3"),
        description="URL of an S3-compatible server that is not Amazon's.",
    )
    storage_public_endpoint: str | None = Field(
        None,
        description="URL at which clients reach the same server, if it is another one: redirects of downloads lead there. `https://files.example.com` in front of `http://minio:9000`, for example; the proxy there must pass on the Host that it was asked for.",
    )
    storage_ca: Authorities | None = Field(
        None,
        description="The authority that has signed the certificate of the storage, if it is one of your own: a file, or its text (PEM). Those of the system count besides.",
    )

    storage_patience_s: int = Field(
        6 * HOUR_S,
        gt=0,
        description="Seconds for which a job waits for a storage or a temporary folder that cannot be used, without using up a try, before it fails.",
    )
    storage_first_pause_s: float = Field(
        2, gt=0, description="Seconds before such a job is attempted again; doubled each time."
    )
    storage_max_pause_s: float = Field(120, gt=0, description="Longest such pause in seconds.")

    # Access
    api_keys_file: Path | None = Field(
        None,
        description="A file with more keys, `owner:key` on each line, read at the start; `#` begins a comment. One variable holds 128 KB, some 5,000 keys: with more, no program starts.",
    )
    api_keys: Annotated[tuple[tuple[str, SecretStr], ...], NoDecode] = Field(
        (),
        validate_default=True,
        description="`owner:key,owner:key`: keys that work beside those in Redis, also while Redis is away; they have all scopes, `admin` those of ADMINS. With no key anywhere every request is refused; in development (DEV) everyone on this machine is `dev` then.",
    )
    admins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="`owner,owner`: who may see and stop the jobs of every owner, act for any of them with `?owner=`, and pause and run the schedules that come with the service. In the open mode `dev` may.",
    )
    # Kinds of your own
    kinds: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="`package.module:NAME,…`: kinds of jobs from your own packages, beside those of installed packages with an entry point in `pressroom.kinds`. NAME is a Kind, or a list of them.",
    )

    @property
    def operators(self) -> tuple[str, ...]:
        """The owners who operate the service: ADMINS, or `dev` in the open mode."""
        return self.admins if self.api_keys else (OPEN_OWNER,)

    @field_validator("admins", "kinds", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @field_validator("admins")
    @classmethod
    def _check_admins(cls, admins: tuple[str, ...]) -> tuple[str, ...]:
        for name in admins:
            if fault := owner_fault(name, any_length=True):
                raise ValueError(f"write ADMINS as owner,owner; {name!r} is not allowed. {fault}")
        return admins

    @field_validator("api_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object, info: ValidationInfo) -> object:
        file: Path | None = info.data.get("api_keys_file")
        pairs = value.split(",") if isinstance(value, str) else []
        if file is not None:
            try:
                lines = [line.partition("#")[0] for line in file.read_text(encoding="utf-8").splitlines()]
            except (OSError, ValueError) as error:
                raise ValueError(f"API_KEYS_FILE cannot be read: {error}") from None
            pairs += lines
            if not any(map(str.strip, lines)):
                raise ValueError("API_KEYS_FILE has no key; add one, or leave it out")
        elif not isinstance(value, str):
            return value
        owners: dict[str, str] = {}
        for pair in filter(None, (part.strip() for part in pairs)):
            owner, colon, key = pair.partition(":")
            if not colon or len(key) < 16:
                raise ValueError("write API_KEYS as owner:key,owner:key; a key has at least 16 characters")
            if fault := owner_fault(owner, any_length=True):
                raise ValueError(f"write API_KEYS as owner:key,owner:key; {owner!r} is not allowed. {fault}")
            if key in owners:
                raise ValueError(f"the key of {owner!r} is also the key of another owner; give each owner its own")
            owners[key] = owner
        return [(owner, key) for key, owner in owners.items()]
