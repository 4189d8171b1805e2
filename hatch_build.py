"""Packs `api/`, `tasks/` and `worker/` into the wheel as one package, `pressroom` (docs/decisions/0147-wheel.md).

hatchling runs it, for `bin/build`, `uv build` and `pip install` alike. In a checkout the three folders are top-level
packages; an application that Pressroom is installed beside has modules of these names itself. So each import of
`tasks.clock` becomes one of `pressroom.tasks.clock`, on the same line.
"""

import ast
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAME: Final = "pressroom"
FOLDERS: Final = ("api", "tasks", "worker")
SHOWN_TO_PEOPLE: Final = {".py", ".html", ".toml"}
"""Files with texts that name a command or a module: they name it as it is called in the wheel."""
COMMAND: Final = re.compile(rf"\bpython -m (?=(?:{'|'.join(FOLDERS)})\b)")
IN_BACKTICKS: Final = re.compile(r"`[^`\n]+`")
DOTTED: Final = re.compile(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})(?:\.\w+)+")
DOCSTRING: Final = '"""Pressroom: thumbnails, PDF reports, webhooks and the jobs of ARQ applications."""\n'


class PressroomHook(BuildHookInterface):  # type: ignore[type-arg]
    """What hatchling calls before it packs the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the package into a folder of its own, and have that packed. Another one is not for an editable install,
        which runs the checkout, short names and all."""
        if version != "editable":
            folder = tempfile.mkdtemp()
            write_package(Path(self.root), Path(folder))
            build_data["force_include"][folder] = NAME

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the folder."""
        for folder in build_data["force_include"]:
            shutil.rmtree(folder)


def write_package(checkout: Path, package: Path) -> None:
    """Write the package `pressroom`.

    Args:
        checkout: The folder that has `api/`, `tasks/` and `worker/`.
        package: The folder to write to.
    """
    files = [path for folder in FOLDERS for path in sorted((checkout / folder).rglob("*")) if _belongs(path)]
    modules = {".".join(path.relative_to(checkout).with_suffix("").parts) for path in files if path.suffix == ".py"}
    modules |= {name.removesuffix(".__init__") for name in modules}
    (package / "__init__.py").write_text(DOCSTRING, encoding="utf-8")
    (package / "py.typed").touch()  # type checkers read the annotations of an installed package only beside this file
    for path in files:
        target = package / path.relative_to(checkout)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix not in SHOWN_TO_PEOPLE:
            target.write_bytes(path.read_bytes())
            continue
        text = path.read_text(encoding="utf-8")
        text = with_long_imports(text) if path.suffix == ".py" else text
        target.write_text(with_long_names(text, modules), encoding="utf-8")


def _belongs(path: Path) -> bool:
    """Whether it is a file of the sources: not compiled, and no hidden file such as an editor leaves."""
    return path.is_file() and path.suffix != ".pyc" and not path.name.startswith(".")


def with_long_imports(source: str) -> str:
    """A module whose imports of `api`, `tasks` and `worker` are of `pressroom.api` and so on. Lines keep their numbers.

    Raises:
        ValueError: An import has another form than `from tasks.x import y`, `import tasks` and `import tasks.x as y`.
    """
    lines = source.encode().splitlines(keepends=True)  # columns of `ast` count bytes
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and _is_ours(node.module) and not node.level:
            _replace(lines, node, rb"from\s+", f"from {NAME}.")
        elif isinstance(node, ast.Import) and any(_is_ours(one.name) for one in node.names):
            [one, *others] = node.names
            if others or ("." in one.name and one.asname is None):
                raise ValueError(f"line {node.lineno}: write `from … import …` instead of `{ast.unparse(node)}`")
            _replace(lines, node, rb"import\s+", f"import {NAME}." if one.asname else f"from {NAME} import ")
    return b"".join(lines).decode()


def _is_ours(module: str | None) -> bool:
    return module is not None and module.split(".")[0] in FOLDERS


def _replace(lines: list[bytes], node: ast.stmt, old: bytes, new: str) -> None:
    line, column = lines[node.lineno - 1], node.col_offset
    found = re.compile(old).match(line, column)
    if found is None:
        raise ValueError(f"line {node.lineno}: write the module on the line of its import")
    lines[node.lineno - 1] = line[:column] + new.encode() + line[found.end() :]


def with_long_names(text: str, modules: set[str]) -> str:
    """A text for people whose commands (`python -m worker`) and modules (in backticks) are called as in the wheel.

    Args:
        text: The text of a file.
        modules: The modules that there are, by their short names.
    """

    def in_backticks(found: re.Match[str]) -> str:
        return DOTTED.sub(lambda name: f"{NAME}.{name[0]}" if names_module(name[0], modules) else name[0], found[0])

    return IN_BACKTICKS.sub(in_backticks, COMMAND.sub(rf"\g<0>{NAME}.", text))


def names_module(name: str, modules: set[str]) -> bool:
    """Whether `tasks.clock`, or `tasks.clock.now_ms`, is a module or something in one."""
    return not modules.isdisjoint({name, name.rpartition(".")[0]} - {*FOLDERS})
