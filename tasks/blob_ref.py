"""A reference to bytes in storage."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

_CONFIG = ConfigDict(extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)


@dataclass(frozen=True, slots=True, config=_CONFIG)
class BlobRef:
    """A blob by its content. In stored JSON it is `{"blob": …, "bytes": …}`.

    Args:
        sha256: SHA-256 of the bytes, 64 lower-case hexadecimal digits.
        bytes: How many bytes there are.
    """

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", alias="blob")]
    bytes: Annotated[int, Field(ge=0)]
