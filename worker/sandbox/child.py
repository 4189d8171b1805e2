"""The program of a sandbox child: read a call, run it, answer, until the worker closes the socket."""

import errno
import functools
import importlib
import inspect
import os
import socket
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO, Final, NoReturn

from tasks.refusal import NO_SPACE, Refusal
from worker.sandbox import frames, limits
from worker.sandbox.isolation.isolation import Isolation
from worker.sandbox.progress import ProgressPage

# Out of memory is reported by the exit status, which takes no memory; such a child is not used again.
OUT_OF_MEMORY_STATUS: Final = 112
TRACEBACK_LIMIT_CHARS: Final = 16_000


def serve(line: socket.socket, page: ProgressPage, memory_mb: int, isolation: Isolation) -> NoReturn:
    """Answer calls, then end the process without running the exit handlers inherited from the zygote.

    Args:
        line: The socket to the worker.
        page: Where progress is written.
        memory_mb: Address space that this child may take, in megabytes.
        isolation: What the zygote has prepared.
    """
    status = 1
    try:
        limits.confine(memory_mb)
        isolation.enclose()
        _answer_calls(line, page)
    except (EOFError, ConnectionError):
        status = 0
    except MemoryError:
        status = OUT_OF_MEMORY_STATUS
    except BaseException:
        # The process ends below; its error output is the only place left for the traceback.
        traceback.print_exc()
    finally:
        os._exit(status)


class GrantedMemory:
    """The memory of one call: what the worker has granted so far.

    Args:
        granted_mb: Megabytes that it has from its beginning.
        line: The socket to the worker.
        stream: What the worker sends.
    """

    def __init__(self, granted_mb: int, line: socket.socket, stream: BinaryIO) -> None:
        self._granted_mb = granted_mb
        self._line = line
        self._stream = stream

    def admit(self, memory_mb: int) -> None:
        """Wait until the worker grants so many megabytes; see `tasks.admission.Admit`."""
        if memory_mb > self._granted_mb:
            self._line.sendall(frames.encode(["memory", memory_mb]))
            frames.read(self._stream)
            self._granted_mb = memory_mb


def _answer_calls(line: socket.socket, page: ProgressPage) -> NoReturn:
    stream = line.makefile("rb")
    while True:
        function, args, seconds, memory_mb, cores = frames.read(stream)
        limits.allow_cpu(seconds)
        page.begin()
        given = {"report": page.report, "admit": GrantedMemory(memory_mb, line, stream).admit, "cores": cores}
        answer = _answer(function, args, given)
        page.note_cpu()
        line.sendall(answer)


def _answer(function: str, args: list[Any], given: dict[str, Any]) -> bytes:
    """Call the function with what it has parameters for of what is given; `report` always."""
    try:
        found, wanted = _find(function)
        return frames.encode(["value", found(*args, **{name: given[name] for name in wanted})])
    except MemoryError:
        raise
    except Refusal as refusal:
        return frames.encode(["refusal", refusal.code, refusal.message, refusal.field, refusal.limit])
    except BaseException as error:  # SystemExit too: the worker must learn of it as of any other exception
        if isinstance(error, OSError) and error.errno == errno.EFBIG:
            limit = limits.FILE_SIZE_MB * limits.MiB
            message = (
                f"The work wrote a file larger than the limit of {limits.FILE_SIZE_MB} MB. Request a smaller output."
            )
            return frames.encode(["refusal", "output_too_large", message, None, limit])
        if isinstance(error, OSError) and error.errno in NO_SPACE:
            return frames.encode(["disk_full", str(error)])
        return frames.encode(["error", traceback.format_exc()[-TRACEBACK_LIMIT_CHARS:]])


@functools.cache
def _find(function: str) -> tuple[Callable[..., Any], tuple[str, ...]]:
    """The function, and which of `report`, `admit` and `cores` it is given."""
    module, _, name = function.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    parameters = inspect.signature(found).parameters
    return found, ("report", *(name for name in ("admit", "cores") if name in parameters))
