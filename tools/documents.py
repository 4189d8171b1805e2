"""Tables made from the code, so that they cannot say something else: `python -m tools.documents` rewrites them.

docs/settings.md holds one between `<!-- settings -->` and `<!-- /settings -->`, docs/errors.md another between
`<!-- errors -->` and `<!-- /errors -->`, docs/accounts.md the scopes, and docs/images.md parts of the first two.
.env.example is made as a whole.
"""

import re
import textwrap
from collections.abc import Collection
from pathlib import Path

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo

from tasks.accounts.scopes import SCOPES
from tasks.refusal import CODES
from tasks.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
IMAGE_LIMITS = (
    *("max_upload_bytes", "max_files_per_request", "max_pixels", "max_side_px", "max_output_pixels"),
    *("max_jpeg_scans", "max_scan_pixels", "max_frames", "max_animation_pixels", "max_animation_output_pixels"),
    *("max_watermark_pixels", "max_keep_s"),
    *("sandbox_seconds", "sandbox_memory_mb", "sandbox_budget_mb"),
)
"""Settings that limit pictures, in the order of docs/images.md."""
IMAGE_CODES = (
    *("unsupported_format", "too_large", "no_file", "too_many_files", "invalid_params", "crop_outside"),
    *("too_many_pixels", "side_too_long", "too_many_frames", "too_many_scans", "too_much_memory"),
    *("truncated", "corrupt", "drawing_failed", "out_of_memory", "timed_out", "crashed"),
    *("output_too_large", "inputs_gone"),
)
"""Codes that pictures are refused with, in the order of docs/images.md."""


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


def settings_table(wanted: Collection[str] = ()) -> str:
    """The settings that are wanted, in this order; all without it."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for name in wanted or Settings.model_fields:
        field = Settings.model_fields[name]
        names = " or ".join(f"`{each}`" for each in environment_names(name, field))
        default = default_text(field)
        lines.append(f"| {names} | {f'`{default}`' if default else 'none'} | {field.description} |")
    return "\n".join(lines)


def errors_table(wanted: Collection[str] = ()) -> str:
    """The codes that are wanted, in this order; all without it."""
    rows = (f"| `{code}` | {CODES[code]} |" for code in wanted or CODES)
    return "\n".join(["| code | meaning |", "|---|---|", *rows])


def scopes_table() -> str:
    """The scopes of API keys."""
    rows = (f"| `{scope}` | {meaning} |" for scope, meaning in SCOPES.items())
    return "\n".join(["| scope | what a key with it may do |", "|---|---|", *rows])


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
    tables = {"settings": settings_table(), "errors": errors_table(), "scopes": scopes_table()}
    places = {"scopes": "accounts"}
    written = {ROOT / "docs" / f"{places.get(name, name)}.md": (name, table) for name, table in tables.items()}
    made = {path: with_table(path.read_text(encoding="utf-8"), *named) for path, named in written.items()}
    images = ROOT / "docs" / "images.md"
    page = with_table(images.read_text(encoding="utf-8"), "limits", settings_table(IMAGE_LIMITS))
    made[images] = with_table(page, "codes", errors_table(IMAGE_CODES))
    return {**made, ROOT / ".env.example": env_example()}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
