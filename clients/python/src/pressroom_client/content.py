"""The bytes of a request, which may be sent several times."""

import contextlib
import os
from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import anyio.to_thread

CHUNK_BYTES = 256 * 1024
Source = bytes | Path | BinaryIO
"""Bytes, the path of a file, or an open file, which is read from where it stands."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a request sends. size: in bytes. start: where in an open file it begins."""

    source: Source
    size: int
    start: int = 0

    @classmethod
    def of(cls, source: Source) -> "Content":
        if isinstance(source, bytes):
            return cls(source, len(source))
        if isinstance(source, Path):
            return cls(source, source.stat().st_size)
        if not source.seekable():
            return cls.of(source.read())
        start = source.tell()
        end = source.seek(0, os.SEEK_END)
        return cls(source, end - start, start)

    def chunks(self) -> bytes | Iterator[bytes]:
        return self.source if isinstance(self.source, bytes) else _read(self.source, self.start)

    def async_chunks(self) -> bytes | AsyncIterator[bytes]:
        return self.source if isinstance(self.source, bytes) else _read_async(self.source, self.start)


def _read(source: Path | BinaryIO, start: int) -> Generator[bytes, None, None]:
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield from _read(file, 0)
        return
    source.seek(start)
    while chunk := source.read(CHUNK_BYTES):
        yield chunk


async def _read_async(source: Path | BinaryIO, start: int) -> AsyncIterator[bytes]:
    with contextlib.closing(_read(source, start)) as chunks:
        while chunk := await anyio.to_thread.run_sync(next, chunks, b""):
            yield chunk


def name_of(source: Source) -> str | None:
    """The file's own name, if there is one."""
    name = getattr(source, "name", None)
    return Path(name).name if isinstance(name, str) else None
