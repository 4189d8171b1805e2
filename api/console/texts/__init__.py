"""The texts of the pages, English and Japanese side by side: one TOML file for each page.

A table is a text: `[title]` in `jobs.toml` is `jobs.title`. `{name}` in a text is filled in.
"""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

Language = Literal["en", "ja"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
NAMES: Final[Mapping[Language, str]] = {"en": "English", "ja": "日本語"}
Text = Callable[..., str]
"""Returns the text of a name, such as `jobs.title`, with what its braces name."""

HERE: Final = Path(__file__).parent


def _read() -> dict[str, dict[str, str]]:
    texts: dict[str, dict[str, str]] = {}
    for path in sorted(HERE.glob("*.toml")):
        for name, translations in tomllib.loads(path.read_text(encoding="utf-8")).items():
            texts[f"{path.stem}.{name}"] = translations
    return texts


TEXTS: Final = _read()
"""name -> language -> text"""


def text_in(language: Language) -> Text:
    """What returns texts in a language.

    Args:
        language: Of the reader.
    """

    def text(name: str, /, **values: Any) -> str:
        return TEXTS[name][language].format(**values)

    return text


def language_of(chosen: str | None, accepted: str) -> Language:
    """The language of a reader.

    Args:
        chosen: What the reader has chosen, if anything.
        accepted: The Accept-Language header of the browser.
    """
    wanted = [chosen or "", *(part.partition(";")[0].strip().lower() for part in accepted.split(",")[:20])]
    for name in wanted:
        for language in LANGUAGES:
            if name.partition("-")[0] == language:
                return language
    return "en"
