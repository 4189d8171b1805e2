"""Tables made from the code, so that they cannot say something else: `python -m tools.documents` rewrites them.

README.md holds them between `<!-- settings -->` … `<!-- /settings -->` and `<!-- errors -->` … `<!-- /errors -->`;
.env.example is made as a whole.
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


def with_tables(readme: str) -> str:
    """`readme` with its tables made anew. Raises ValueError when the place for one is missing."""
    for name, table in (("settings", settings_table()), ("errors", errors_table())):
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        parts = re.split(f"{begin}.*?{end}", readme, flags=re.DOTALL)
        if len(parts) != 2:
            raise ValueError(f"README.md needs {begin} … {end} exactly once, and has it {len(parts) - 1} times")
        readme = f"{parts[0]}{begin}\n{table}\n{end}{parts[1]}"
    return readme


if __name__ == "__main__":
    (ROOT / ".env.example").write_text(env_example(), encoding="utf-8")
    (ROOT / "README.md").write_text(with_tables((ROOT / "README.md").read_text(encoding="utf-8")), encoding="utf-8")
