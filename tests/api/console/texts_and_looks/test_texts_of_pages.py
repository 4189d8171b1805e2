"""The texts of the pages: each is used, each that is used is there, and each says the same in both languages."""

import re
import string
from pathlib import Path

from api.console.html import HERE
from api.console.texts import LANGUAGES, TEXTS

STATES = ("scheduled", "queued", "running", "retrying", "succeeded", "failed", "cancelled")
MONTHS = [f"general.month_{month}" for month in range(1, 13)]
NAMED = re.compile(r'"([a-z_]+\.[a-z0-9_]+)"')


def used() -> set[str]:
    """What templates and modules name, in quotes; besides what they put together."""
    sources = [*(HERE / "templates").rglob("*.html"), *HERE.rglob("*.py")]
    named = {name for path in sources for name in NAMED.findall(Path(path).read_text(encoding="utf-8"))}
    pages = {name.partition(".")[0] for name in TEXTS}
    no_texts = (".html", ".py", ".js", "_")
    return {name for name in named if name.partition(".")[0] in pages and not name.endswith(no_texts)}


def put_together() -> set[str]:
    """Names that are made of a part and a value, as `t("jobs.why_" ~ code)`: all that begin like the part."""
    found: set[str] = set()
    for path in [*(HERE / "templates").rglob("*.html"), *HERE.rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        starts = [*re.findall(r'"([a-z_]+\.[a-z0-9_]*)" ~', text), *re.findall(r'f"([a-z_]+\.[a-z0-9_]*)\{', text)]
        found |= {name for name in TEXTS for start in starts if name.startswith(start) and start[-1] in "._"}
    return found


def test_each_text_that_is_used_is_there() -> None:
    assert used() - TEXTS.keys() == set()
    assert {f"general.{state}" for state in STATES} <= TEXTS.keys()
    assert set(MONTHS) <= TEXTS.keys()


def test_each_text_is_used() -> None:
    assert TEXTS.keys() - used() - put_together() == set()


def test_each_text_says_the_same_in_each_language() -> None:
    for name, translations in TEXTS.items():
        assert list(translations) == list(LANGUAGES), name
        fields = [
            {field for _, field, _, _ in string.Formatter().parse(text)} - {None} for text in translations.values()
        ]
        assert fields[0] == fields[1], name
        assert all(text.strip() for text in translations.values()), name
