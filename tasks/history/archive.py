"""Objects of the history: gzipped JSON lines, the first of which says what it is, each other one ended record.

The object is read whole: it is small, and neighbours compress each other to a fifth.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import structlog

from tasks.queue.records.packing import Fields

log = structlog.get_logger()

FOLDER: Final = "history"
BUCKET_BITS: Final = 14
"""Members of the index are in 2 to the power of this many hashes: with up to eight million ids each stays below 512, up
to which Redis stores a hash in one piece of memory, at about 15 bytes for each id."""
MEMBER_BYTES: Final = 8
"""With 64 bits of its own and those of its bucket, no two of ten million ids are likely to have the same place."""
LEFT_OUT: Final = frozenset({b"lane", b"shelves", b"score", b"notify"})
"""Fields that only a job which may still run has a use for."""


class IndexPlace(NamedTuple):
    """Where the index has an id: the hash, and the member within it."""

    bucket: str
    member: bytes


def place_of(job_id: str) -> IndexPlace:
    """Where the index has an id: by its hash, since clients of ARQ choose ids of any length."""
    digest = hashlib.blake2b(_raw(job_id), digest_size=2 + MEMBER_BYTES).digest()
    return IndexPlace(str(int.from_bytes(digest[:2]) >> (16 - BUCKET_BITS)), digest[2:])


def path_of(installation: str, number: int) -> str:
    """The name of an object."""
    return f"{folder_of(installation)}/{number:010d}.jsonl.gz"


def number_of(path: str) -> int:
    """The number of an object, from its name."""
    return int(path.rpartition("/")[2].partition(".")[0])


def folder_of(installation: str) -> str:
    """The folder of an installation's objects: two that share a storage do not meet."""
    return f"{FOLDER}/{installation}"


def write_archive(written_at: int, lines: Iterable[bytes]) -> bytes:
    """The bytes of an object. written_at: when its records left Redis, in milliseconds since 1970."""
    return gzip.compress(b"\n".join((_json({"written_at": written_at}), *lines)), mtime=0)


def read_archive(content: bytes) -> tuple[int, list[bytes]]:
    """When an object was written, in milliseconds since 1970, and its lines. One that is damaged has none, and is as
    old as can be: nobody can read it, and it is deleted with the next change."""
    try:
        first, *lines = gzip.decompress(content).split(b"\n")
        return int(json.loads(first)["written_at"]), lines
    except (OSError, EOFError, ValueError, zlib.error) as error:
        log.warning("history.damaged", error=str(error))
        return 0, []


def line_of(job_id: str, fields: Fields) -> bytes:
    """The line of a record. fields: its hash, not packed."""
    kept = {_text(name): _text(value) for name, value in fields.items() if name not in LEFT_OUT}
    return _json({"id": job_id, "fields": kept})


def find_fields(content: bytes, job_id: str) -> Fields:
    """The hash of an id's record as Redis had it; empty if the object has none."""
    beginning = _json({"id": job_id})[:-1] + b","
    _, lines = read_archive(content)
    for line in lines:
        if line.startswith(beginning):
            return fields_of_line(line)[1]
    return {}


def fields_of_line(line: bytes) -> tuple[str, dict[bytes, bytes]]:
    """The id of a line's record, and its hash as `line_of` was given it."""
    kept = json.loads(line)
    return kept["id"], {_raw(name): _raw(value) for name, value in kept["fields"].items()}


def ids_of(lines: Iterable[bytes]) -> list[str]:
    """The ids of lines, in order."""
    return [json.loads(line)["id"] for line in lines]


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")


def _raw(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
