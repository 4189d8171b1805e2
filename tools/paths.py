"""The call lists of `docs/architecture.md`: `python -m tools.paths` checks them and writes the table of their sizes.

A list is Markdown: each item names a step as `path:function`, `path:Class.method` or, for a Lua script or a table, a
`path` alone. A step is called by the step that it is indented under.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from tools.documents import ROOT, with_table

PAGE: Final = ROOT / "docs" / "architecture.md"
BEFORE: Final = ROOT / "docs" / "decisions" / "0020-layout.md"
"""The same lists, as they were before the layout."""
PATHS: Final = ("image", "report", "event", "schedule", "worker")
ITEM: Final = re.compile(r"^( *)- `([^`:]+)(?::([^`]+))?`")
HEADING: Final = re.compile(r"^#+ (.+)$")
INDENT: Final = 4
"""Spaces by which a step is indented under its caller."""

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass
class PathStep:
    """One item of a list.

    Args:
        path: The file, relative to the repository.
        name: The function, `Class.method` or class in it; empty for a whole file.
        calls: The steps that are indented under it.
    """

    path: str
    name: str
    calls: list["PathStep"] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.path}:{self.name}" if self.name else self.path

    @property
    def mentions(self) -> set[str]:
        """The identifiers by which a caller may name it."""
        if not self.name:
            return {Path(self.path).stem}
        return {self.name.rpartition(".")[2]}


def read_lists(page: str) -> dict[str, list[PathStep]]:
    """The lists of a page by the heading that they stand under.

    Args:
        page: Markdown text.

    Returns:
        heading: the steps that are not indented, each with its calls.
    """
    lists: dict[str, list[PathStep]] = {}
    heading, outer = "", [PathStep("", "")]
    for line in page.splitlines():
        if found := HEADING.match(line):
            heading, outer = found[1], [PathStep("", "")]
        elif found := ITEM.match(line):
            step = PathStep(found[2], found[3] or "")
            del outer[len(found[1]) // INDENT + 1 :]
            if len(outer) == 1:
                lists.setdefault(heading, []).append(step)
            else:
                outer[-1].calls.append(step)
            outer.append(step)
    return lists


def steps(roots: list[PathStep]) -> Iterator[PathStep]:
    """Every step of a list, from top to bottom."""
    for root in roots:
        yield root
        yield from steps(root.calls)


def size(roots: list[PathStep]) -> tuple[int, int]:
    """How many functions a list names, each counted once, and in how many files they are."""
    named = {str(step) for step in steps(roots)}
    return len(named), len({step.path for step in steps(roots)})


def faults(roots: list[PathStep], folder: Path = ROOT) -> list[str]:
    """What is wrong with a list: a step does not exist, or its caller does not name it, or names it in another order.

    Args:
        roots: As `read_lists` gives them.
        folder: Of the source.

    Returns:
        One sentence for each fault.
    """
    found: list[str] = []
    for step in steps(roots):
        if not (folder / step.path).is_file() or (step.name and _definition(folder, step) is None):
            found.append(f"{step} does not exist")
            continue
        if step.path.endswith(".lua"):
            continue
        last = 0
        for call in step.calls:
            if call.path.endswith(".lua"):
                stem = Path(call.path).stem
                if not any(one.rpartition("/")[2] == stem for one in _strings(folder / step.path)):
                    found.append(f"{step.path} does not load {call}")
                continue
            lines = [line for line, name in _mentioned(folder, step) if name in call.mentions]
            if not lines:
                found.append(f"{step} does not name {call}")
            elif max(lines) < last:
                found.append(f"{step} names {call} before the step that is listed before it")
            else:
                last = min(line for line in lines if line >= last)
    return found


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _definition(folder: Path, step: PathStep) -> Function | None:
    node: ast.Module | Function = _tree(folder / step.path)
    for part in step.name.split("."):
        inner = [one for one in node.body if isinstance(one, Function) and one.name == part]
        if not inner:
            return None
        node = inner[-1]
    return node if isinstance(node, Function) else None


def _strings(path: Path) -> set[str]:
    """The string constants of a file: scripts are loaded by their name."""
    return {one.value for one in ast.walk(_tree(path)) if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def _mentioned(folder: Path, step: PathStep) -> list[tuple[int, str]]:
    """The identifiers in a step's body with their lines; of a string such as "module:function", the function."""
    node = _definition(folder, step) if step.name else _tree(folder / step.path)
    names: list[tuple[int, str]] = []
    for one in ast.walk(node) if node else ():
        if isinstance(one, ast.Name):
            names.append((one.lineno, one.id))
        elif isinstance(one, ast.Attribute):
            names.append((one.end_lineno or one.lineno, one.attr))
        elif isinstance(one, ast.Constant) and isinstance(one.value, str):
            names.extend((one.lineno, word) for word in re.split(r"[.:]", one.value))
    return names


def named(name: str, lists: dict[str, list[PathStep]]) -> list[PathStep]:
    """The list whose heading has a word.

    Raises:
        ValueError: No heading has it, or several have.
    """
    [found] = (steps for heading, steps in lists.items() if re.search(rf"\b{name}\b", heading.lower()))
    return found


def with_figures(page: str) -> str:
    """A page with the table of its lists' sizes made anew.

    Args:
        page: The text of `docs/architecture.md`.
    """
    before, now = read_lists(BEFORE.read_text(encoding="utf-8")), read_lists(page)
    rows = ["| path | before | now |", "|---|---|---|"]
    for name in PATHS:
        (functions, files), (functions_now, files_now) = size(named(name, before)), size(named(name, now))
        rows.append(f"| {name} | {functions} functions in {files} files | {functions_now} in {files_now} |")
    return with_table(page, "figures", "\n".join(rows))


def main() -> int:
    """Write the table, and print what is wrong with the lists. Returns 1 if anything is."""
    page = with_figures(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(page, encoding="utf-8")
    found = [f"{heading}: {fault}" for heading, roots in read_lists(page).items() for fault in faults(roots)]
    sys.stdout.writelines(f"{fault}\n" for fault in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
