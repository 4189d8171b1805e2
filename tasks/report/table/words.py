"""The one word that a table says by itself: that it goes on from the page before."""

from typing import Final

_CONTINUED: Final = {
    "cs": "pokračování",
    "da": "fortsat",
    "de": "Fortsetzung",
    "en": "continued",
    "es": "continuación",
    "fi": "jatkoa",
    "fr": "suite",
    "it": "segue",
    "ja": "続き",
    "ko": "계속",
    "nb": "fortsatt",
    "nl": "vervolg",
    "pl": "ciąg dalszy",
    "pt": "continuação",
    "ru": "продолжение",
    "sv": "forts.",
    "tr": "devamı",  # noqa: RUF001 - a letter of Turkish
    "uk": "продовження",
    "zh": "续",
}


def continued(lang: str) -> str:
    """In the language of a tag such as `de-CH`; English where we do not have it."""
    return _CONTINUED.get(lang.replace("_", "-").partition("-")[0], _CONTINUED["en"])
