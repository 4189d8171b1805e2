"""Where the exchanges of failed attempts are in the storage: one small JSON file each, named by the delivery and the
number of the attempt.

Nothing of them is in Redis but a flag at the attempt (`kept`). They go with the record of their delivery
(`tasks.maintenance.exchanges`).
"""

import re
from typing import Final

FOLDER: Final = "exchanges"
DELIVERY_ID: Final = re.compile(r"[0-9a-f]{32}")
NAME: Final = re.compile(rf"{FOLDER}/[0-9a-f]{{2}}/({DELIVERY_ID.pattern})-[0-9]+\.json")
KEPT: Final = "kept"
"""The fact of an attempt that says that it has one."""


def path_of(delivery_id: str, number: int) -> str:
    """The name of an attempt's file. In 256 folders, since a disk keeps a folder that is empty."""
    return f"{FOLDER}/{delivery_id[:2]}/{delivery_id}-{number}.json"


def delivery_of(path: str) -> str | None:
    """The delivery of a file, from its name; None if it is no such file."""
    found = NAME.fullmatch(path)
    return found and found[1]
