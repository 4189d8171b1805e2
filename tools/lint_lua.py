"""Checks the Lua scripts with `luacheck`, where it is installed: `python -m tools.lint_lua`.

Scripts and parts are fragments of one text (`tasks.queue.script`), so they are checked as one: all parts in order, and
each script in a function of its own after them. So a part's function that no script uses is found too.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from typing import Final

from tasks.queue.script import CONSTANTS, FOLDER, parts_of, read, seldom_of
from tools.documents import ROOT

INSTALL: Final = "Lua is not checked: luacheck is not installed (Debian: apt-get install lua-check)."
OPTIONS: Final = ("--std", "lua51", "--no-color", "--codes", "--formatter", "plain", "--max-line-length", "120")
GIVEN: Final = ("redis", "cmsgpack", "cjson", "ARGV", "load_seldom")
FINDING: Final = re.compile(r"^stdin:(\d+):(.*)$", re.MULTILINE)


def main() -> int:
    """Print what luacheck finds, by file and line. Returns the exit status: not 0 if it has found anything."""
    luacheck = shutil.which("luacheck")
    if luacheck is None:
        print(INSTALL)  # noqa: T201
        return 0
    places = list(_lines())
    text = "".join(f"{line}\n" for _, line in places)
    command = [luacheck, *OPTIONS, "--read-globals", *GIVEN, "--", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)
    sys.stdout.write(FINDING.sub(lambda found: f"{places[int(found[1]) - 1][0]}:{found[2]}", done.stdout))
    sys.stderr.write(done.stderr)
    return done.returncode


def _lines() -> Iterable[tuple[str, str]]:
    """Each line of the whole text, after the file and line that it is from."""
    scripts = [path for path in sorted(FOLDER.rglob("*.lua")) if "parts" not in path.parts]
    names = [path.relative_to(FOLDER).with_suffix("").as_posix() for path in scripts]
    texts = [read(name) for name in names]
    needs = " ".join(sorted({part for text in texts for part in (*parts_of(text), *seldom_of(text))} - {"arguments"}))
    yield "constants", "local K = {"
    yield from (("constants", f"{name} = 0,") for name in CONSTANTS)
    yield "constants", "}"
    for part in parts_of(f"-- needs: {needs}\n"):
        yield from _numbered(f"parts/{part}")
    for name in names:
        yield name, "redis.call(function()"
        yield from _numbered(name)
        yield name, "end)"
    yield "counts", "write_counts()"


def _numbered(name: str) -> Iterable[tuple[str, str]]:
    path = (FOLDER / f"{name}.lua").relative_to(ROOT)
    yield from ((f"{path}:{number}", line) for number, line in enumerate(read(name).splitlines(), 1))


if __name__ == "__main__":
    sys.exit(main())
