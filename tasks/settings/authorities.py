"""Certificates of authorities of an operator's own, as a setting has them: in a file, or as text."""

import ssl
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator


def _read(value: str) -> str:
    """The certificates as PEM text. Several lines of it may have become one, with `\\n` between them."""
    text = value.replace("\\n", "\n")
    if "-----BEGIN" not in text:
        try:
            text = Path(value).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ValueError(f"its file cannot be read ({reason}); write the path of a PEM file, or its text") from None
    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError):
        raise ValueError(
            "there is no certificate that can be read; write the path of a PEM file, or its text"
        ) from None
    return text


Authorities = Annotated[str, AfterValidator(_read)]
"""PEM text, read from a file if the setting names one."""
