"""Functions that the tests run in sandbox children. Some announce that they run; some wait for a gate."""

import os
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tasks.refusal import Refusal

if TYPE_CHECKING:
    from tasks.admission import Admit
    from tasks.progress import Progress  # it loads the settings and the storage, which a child has no business with

MiB = 1024 * 1024


def echo(*values: Any, report: "Progress") -> list[Any]:
    return list(values)


def pid(*, report: "Progress") -> int:
    return os.getpid()


def parent_pid(*, report: "Progress") -> int:
    return os.getppid()


def announce(event: str, *, report: "Progress") -> int:
    """Tell the test that the work has begun."""
    _announce(event)
    return os.getpid()


def announce_and_wait(event: str, gate: str, *, report: "Progress") -> int:
    """Tell the test that the work has begun, and by whom; end when the gate opens."""
    _announce(event)
    with Path(gate).open("rb", buffering=0) as opened:
        opened.read(1)
    return os.getpid()


def announce_and_spin(event: str, *, report: "Progress") -> NoReturn:
    """Hold the interpreter and never let go: one long call into C after another."""
    _announce(event)
    while True:
        sum(range(10**9))


def ask_for_memory(amounts_mb: list[int], *, report: "Progress", admit: "Admit") -> int:
    """Ask for one amount after the other. Returns how many there were."""
    for memory_mb in amounts_mb:
        admit(memory_mb)
    return len(amounts_mb)


def count_cores(*, report: "Progress", cores: int) -> int:
    return cores


def spin(*, report: "Progress") -> NoReturn:
    while True:
        sum(range(10**9))


def sleep_for_ever(*, report: "Progress") -> NoReturn:
    while True:
        signal.pause()


def refuse(*, report: "Progress") -> NoReturn:
    raise Refusal("too_many_pixels", "The picture has 7 pixels, the limit is 6.", field="variants.0.width", limit=6)


def fail(*, report: "Progress") -> NoReturn:
    raise KeyError("no such colour")


def leave(*, report: "Progress") -> NoReturn:
    sys.exit("enough")


def return_object(*, report: "Progress") -> object:
    return object()


def return_bytes(count: int, *, report: "Progress") -> bytes:
    return bytes(count)


def raise_signal(number: int, *, report: "Progress") -> NoReturn:
    os.kill(os.getpid(), number)
    raise AssertionError("the signal did not end the process")


def exit_at_once(status: int, *, report: "Progress") -> NoReturn:
    os._exit(status)


def hang_up(*, report: "Progress") -> NoReturn:
    os.closerange(3, 256)
    sleep_for_ever(report=report)


def speak_nonsense(words: bytes, *, report: "Progress") -> NoReturn:
    """Answer past the protocol, as a child taken over by its input might."""
    line = next(fd for fd in range(3, 256) if _is_socket(fd))
    os.write(line, words)
    sleep_for_ever(report=report)


def allocate(megabytes: int, *, report: "Progress") -> int:
    return len(bytearray(megabytes * MiB))


def address_space_mb(*, report: "Progress") -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize() // MiB


def write_zeros(path: str, size: int, *, report: "Progress") -> None:
    Path(path).write_bytes(bytes(size))


def write_file(path: str, size: int, *, report: "Progress") -> None:
    with Path(path).open("wb") as file:
        file.seek(size - 1)
        file.write(b"x")


def limits(*, report: "Progress") -> dict[str, int]:
    names = ("RLIMIT_NOFILE", "RLIMIT_CORE", "RLIMIT_FSIZE")
    return {name: resource.getrlimit(getattr(resource, name))[1] for name in names}


def cpu_seconds(*, report: "Progress") -> int:
    return resource.getrlimit(resource.RLIMIT_CPU)[0]


def new_privileges_barred(*, report: "Progress") -> bool:
    return "NoNewPrivs:\t1" in Path("/proc/self/status").read_text()


def environment(*, report: "Progress") -> dict[str, str]:
    return dict(os.environ)


def descriptors(*, report: "Progress") -> dict[str, str]:
    """What is open here: descriptor → what it points to."""
    found = {}
    for link in Path("/proc/self/fd").iterdir():
        if link.exists() or link.is_symlink():
            found[link.name] = str(link.readlink())
    return found


def loaded(module: str, *, report: "Progress") -> bool:
    return module in sys.modules


def tell(event: str, gate: str, *, report: "Progress") -> str:
    """Report often, ring, wait for the gate, report once more."""
    for done in range(1000):
        report(done, 2000, "measuring")
    announce_and_wait(event, gate, report=report)
    report(2000, 2000, "drawn: é" + "é" * 600)
    return "told"


def _announce(event: str) -> None:
    with Path(event).open("w") as opened:
        opened.write(f"{os.getpid()}\n")


def _is_socket(descriptor: int) -> bool:
    try:
        with socket.socket(fileno=os.dup(descriptor)):
            return True
    except OSError:
        return False
