"""Tables made from the code, so that they cannot say something else: `python -m tools.documents` rewrites them.

docs/settings.md holds one between `<!-- settings -->` and `<!-- /settings -->`, docs/errors.md another between
`<!-- errors -->` and `<!-- /errors -->`. .env.example is made as a whole.
"""

import re
import textwrap
from pathlib import Path

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo

from tasks.refusal import CODES
from tasks.settings import Settings

ROOT = Path(__file__).resolve().parent.parent


def environment_names(name: str, field: FieldInfo) -> list[str]:
    """The environment variables that set a field, the preferred one first."""
    alias = field.validation_alias
    names = [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [name]
    return [each.upper() for each in names]


def default_text(field: FieldInfo) -> str:
    """The default as one would write it in the environment; empty when there is none."""
    value = field.default
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value in (None, ()) else str(value)


def settings_table() -> str:
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        names = " or ".join(f"`{each}`" for each in environment_names(name, field))
        default = default_text(field)
        lines.append(f"| {names} | {f'`{default}`' if default else 'none'} | {field.description} |")
    return "\n".join(lines)


def errors_table() -> str:
    rows = (f"| `{code}` | {meaning} |" for code, meaning in CODES.items())
    return "\n".join(["| code | meaning |", "|---|---|", *rows])


def env_example() -> str:
    """Every setting, commented out, with its default."""
    parts = ["# Copy to .env and uncomment what you change. The values shown are the defaults."]
    for name, field in Settings.model_fields.items():
        comment = textwrap.wrap(field.description or "", 116, break_on_hyphens=False)
        line = f"#{environment_names(name, field)[0]}={default_text(field)}"
        parts.append("\n".join([*(f"# {each}" for each in comment), line]))
    return "\n\n".join(parts) + "\n"


def with_table(page: str, name: str, table: str) -> str:
    """A page with its table made anew.

    Args:
        page: Markdown text with `<!-- name -->` … `<!-- /name -->`.
        name: Of the table.
        table: What stands there from now on.

    Raises:
        ValueError: The page has no place for the table, or several.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    parts = re.split(f"{begin}.*?{end}", page, flags=re.DOTALL)
    if len(parts) != 2:
        raise ValueError(f"The page needs {begin} … {end} exactly once, and has it {len(parts) - 1} times.")
    return f"{parts[0]}{begin}\n{table}\n{end}{parts[1]}"


def pages() -> dict[Path, str]:
    """The files that hold something made from the code, as they should be."""
    tables = {"settings": settings_table(), "errors": errors_table()}
    written = {ROOT / "docs" / f"{name}.md": (name, table) for name, table in tables.items()}
    made = {path: with_table(path.read_text(encoding="utf-8"), *named) for path, named in written.items()}
    return {**made, ROOT / ".env.example": env_example()}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
