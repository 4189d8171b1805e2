"""The Content-Disposition header of downloads, from the API and from the storage itself."""

import re
from urllib.parse import quote


def attachment(filename: str) -> str:
    """A Content-Disposition (RFC 6266), in ASCII, for any name, cut to the 255 characters that a disk would take."""
    filename = filename[:255]
    plain = re.sub(r"[^\w .()+,=@-]", "_", filename, flags=re.ASCII)
    if plain == filename:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='', errors='replace')}"
