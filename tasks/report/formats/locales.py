"""Locales, and the few words that a report says by itself."""

from typing import Final

from babel import Locale, UnknownLocaleError

FALLBACK: Final = "en"

# language: total, the total of a group, yes, no
_WORDS: Final = {
    "cs": ("Celkem", "{} celkem", "Ano", "Ne"),
    "da": ("I alt", "{} i alt", "Ja", "Nej"),
    "de": ("Summe", "Summe {}", "Ja", "Nein"),
    "en": ("Total", "Total {}", "Yes", "No"),
    "es": ("Total", "Total {}", "Sí", "No"),
    "fi": ("Yhteensä", "{} yhteensä", "Kyllä", "Ei"),
    "fr": ("Total", "Total {}", "Oui", "Non"),
    "it": ("Totale", "Totale {}", "Sì", "No"),
    "ja": ("合計", "{} 小計", "はい", "いいえ"),
    "ko": ("합계", "{} 소계", "예", "아니요"),
    "nb": ("Totalt", "{} totalt", "Ja", "Nei"),
    "nl": ("Totaal", "Totaal {}", "Ja", "Nee"),
    "pl": ("Razem", "{} razem", "Tak", "Nie"),
    "pt": ("Total", "Total {}", "Sim", "Não"),
    "ru": ("Итого", "{}: итого", "Да", "Нет"),
    "sv": ("Totalt", "{} totalt", "Ja", "Nej"),
    "tr": ("Toplam", "{} toplam", "Evet", "Hayır"),  # noqa: RUF001
    "uk": ("Усього", "{}: усього", "Так", "Ні"),  # noqa: RUF001
    "zh": ("合计", "{} 小计", "是", "否"),
    "zh_Hant": ("合計", "{} 小計", "是", "否"),
}


class Words:
    """The words of one language; English where we have none."""

    def __init__(self, locale: Locale) -> None:
        named = (f"{locale.language}_{locale.script}", locale.language, FALLBACK)
        self.total, self._of_group, self.yes, self.no = next(_WORDS[name] for name in named if name in _WORDS)

    def total_of(self, group: str) -> str:
        """How the total of the group `group` is called."""
        return self._of_group.replace("{}", group)


def find_locale(lang: str) -> Locale:
    """The locale of a language tag such as `de-CH`; its language's, or English, where CLDR has none so special."""
    tag = lang.replace("-", "_")
    for name in (tag, tag.partition("_")[0]):
        try:
            return Locale.parse(name)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale.parse(FALLBACK)
