"""Which files a sandbox child may read: the interpreter, its packages, system libraries, fonts and a few facts."""

import mimetypes
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

SYSTEM: Final = (
    *("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64"),
    *("/nix/store", "/gnu/store"),  # where NixOS and Guix keep every program
    *("/usr/share", "/usr/local/share", "/etc/fonts", "/var/cache/fontconfig"),  # fonts, time zones, locales
    *("/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime"),
    *("/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf"),  # read where hashes are computed
    *("/dev/null", "/dev/urandom", "/dev/random"),
    *("/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu"),
)

INSTALLED: Final = {"site-packages", "dist-packages"}
"""Folders, wherever they are, that hold packages with their libraries and data, and nothing else."""


def readable_paths() -> list[str]:
    """The files and folders that a child may read, with all that is in them. None is in another one: each of them costs
    every child some microseconds."""
    paths = (*SYSTEM, *_media_types(), *_libraries(), *_interpreter(), *_packages())
    found: list[str] = []
    for path in sorted({os.path.realpath(path) for path in paths if path}):
        within = found and (path == found[-1] or path.startswith(f"{found[-1]}{os.sep}"))
        if not within and os.path.exists(path):  # noqa: PTH110
            found.append(path)
    return found


def listed_folders() -> list[str]:
    """Folders on the search path outside of the interpreter's: a child may list what is in them, and read the packages.

    An import lists the folders again when their times have changed, and finds nothing in one that it may not list.
    """
    # Not all of a prefix: with that of a system's own Python, /usr, the service may be in /usr/src.
    prefixes = tuple(f"{prefix}/{lib}/" for prefix in {sys.prefix, sys.base_prefix} for lib in ("lib", "lib64"))
    folders = dict.fromkeys(os.path.realpath(path) for path in sys.path if os.path.isdir(path or "."))  # noqa: PTH112
    return [path for path in folders if not path.startswith(prefixes) and Path(path).name not in INSTALLED]


def _media_types() -> Iterator[str]:
    """Tables that `mimetypes` reads without asking whether it may."""
    yield from (os.fspath(path) for path in mimetypes.knownfiles)


def _libraries() -> Iterator[str]:
    for folder in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep):
        if folder:
            yield folder


def _interpreter() -> Iterator[str]:
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield sysconfig.get_path(name)
    for prefix in (sys.prefix, sys.base_prefix):
        yield f"{prefix}/lib"
        yield f"{prefix}/lib64"


def _packages() -> Iterator[str]:
    """Of folders on the search path that belong to the interpreter, everything. Of others, such as that of Pressroom,
    packages and modules only: a `.env` or a folder of stored files may be beside them."""
    others = listed_folders()
    yield from (path for path in sys.path if path and os.path.realpath(path) not in others)
    for folder in others:
        yield from (str(path) for path in Path(folder).iterdir() if _is_importable(path))
    for module in list(sys.modules.values()):  # namespace packages, and those that a finder of their own has found
        yield from getattr(module, "__path__", ())


def _is_importable(path: Path) -> bool:
    return path.suffix in {".py", ".pyc", ".so"} or (path / "__init__.py").is_file()
