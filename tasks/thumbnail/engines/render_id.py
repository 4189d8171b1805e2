"""What decides which bytes a render makes: the picture, the variants, and all that draws."""

import hashlib
import sys
from functools import cache
from pathlib import Path
from typing import Final

_CODE: Final = Path(__file__).parents[1]


def render_id(owner: str, sha256: str, variants: str, engine: str) -> str:
    """A name for all renders that make the same files.

    Args:
        owner: Whose renders are the same; empty for everyone's.
        sha256: The hash of the picture's bytes.
        variants: Canonical JSON of all that is asked for.
        engine: IMAGE_ENGINE.

    Returns:
        32 hexadecimal digits.
    """
    text = "\n".join((owner, sha256, variants, engine, code_version()))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@cache
def code_version() -> str:
    """A hash of the code that draws and of the installed libraries, so that no release has to remember to change it."""
    digest = hashlib.sha256()
    for path in sorted(_CODE.rglob("*.py")):
        digest.update(path.read_bytes())
    for folder in sys.path:
        for installed in sorted(Path(folder).glob("*.dist-info")):
            digest.update(installed.name.encode())
    return digest.hexdigest()
