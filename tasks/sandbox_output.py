"""Files that work in the sandbox says it has written: their paths are as little to be trusted as the work's input."""

import os
import stat
from pathlib import Path

from tasks.refusal import SandboxDeath


def output_file(folder: Path, path: str) -> Path:
    """Return a path that came from the sandbox, if it is one of the files that the sandbox may write.

    Args:
        folder: The scratch folder of the attempt.
        path: What the sandbox answered.

    Raises:
        SandboxDeath: `crashed`: the path leads out of the folder, by a link or otherwise, or to something that is no
            file. Stored as an output, it could be a file of settings.
    """
    found = Path(path)
    try:
        inside = os.path.dirname(path) == str(folder)  # noqa: PTH120 - the text itself, which is cheap to compare
        inside = inside or found.parent.resolve(strict=True).is_relative_to(folder.resolve(strict=True))
        if inside and stat.S_ISREG(found.lstat().st_mode):
            return found
    except (OSError, ValueError, RuntimeError):  # missing, a zero in it, a loop of links
        pass
    raise SandboxDeath(
        "crashed", "The sandbox process named a file that is not its own. The input is probably malicious."
    )
