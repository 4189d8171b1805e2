"""The Content-Disposition header of downloads, from the API and from the storage itself."""

import re
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

if TYPE_CHECKING:
    from obstore import Attributes


def attachment(filename: str) -> str:
    """A Content-Disposition for what is to be saved; see `content_disposition`."""
    return content_disposition("attachment", filename)


def content_disposition(what: Literal["attachment", "inline"], filename: str) -> str:
    """A Content-Disposition (RFC 6266), in ASCII, for any name, cut to the 255 characters that a disk would take.

    Args:
        what: What a browser does: save it, or show it.
        filename: The name under which it is saved.
    """
    filename = filename[:255]
    plain = re.sub(r"[^\w .()+,=@-]", "_", filename, flags=re.ASCII)
    if plain == filename:
        return f'{what}; filename="{plain}"'
    return f"{what}; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='', errors='replace')}"


def attributes(type: str | None, filename: str | None) -> "Attributes":
    """Return the headers that are kept with a blob: always as an attachment, so that no browser renders it.

    Args:
        type: The media type.
        filename: The file name that the browser suggests.
    """
    about: Attributes = {"Content-Disposition": "attachment"}
    if filename is not None:
        about["Content-Disposition"] = attachment(filename)
    if type is not None:
        about["Content-Type"] = type
    return about
