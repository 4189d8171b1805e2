"""Locales, and the few words that a report says by itself."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from babel import Locale, UnknownLocaleError

Word = TypeVar("Word")

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
_NO_DATA: Final = {
    "en": "No data",
    "cs": "Žádná data",
    "da": "Ingen data",
    "de": "Keine Daten",
    "el": "Δεν υπάρχουν δεδομένα",
    "es": "Sin datos",
    "fi": "Ei tietoja",
    "fr": "Aucune donnée",
    "it": "Nessun dato",
    "ja": "データなし",
    "ko": "데이터 없음",
    "nb": "Ingen data",
    "nl": "Geen gegevens",
    "pl": "Brak danych",
    "pt": "Sem dados",
    "ru": "Нет данных",
    "sv": "Inga data",
    "tr": "Veri yok",
    "uk": "Немає даних",
    "zh": "无数据",
    "zh_Hant": "無資料",
}
"""Said by a chart."""
_OTHER: Final = {
    "en": "Other",
    "cs": "Ostatní",
    "da": "Andre",
    "de": "Sonstige",
    "el": "Λοιπά",
    "es": "Otros",
    "fi": "Muut",
    "fr": "Autres",
    "it": "Altri",
    "ja": "その他",
    "ko": "기타",
    "nb": "Andre",
    "nl": "Overig",
    "pl": "Pozostałe",
    "pt": "Outros",
    "ru": "Прочее",
    "sv": "Övriga",
    "tr": "Diğer",
    "uk": "Інше",
    "zh": "其他",
    "zh_Hant": "其他",
}
"""What the small slices of a pie are called together."""
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
"""Said above a table that goes on from the page before."""


class Words:
    """The words of one language; English for those that are not known in it.

    Attributes:
        total: Of a table.
        yes: A boolean that is true.
        no: A boolean that is false.
        no_data: Said by an empty chart.
        other: What the small slices of a pie are called together.
        continued: Said above a table that goes on from the page before.
    """

    def __init__(self, locale: Locale) -> None:
        names = (f"{locale.language}_{locale.script}", locale.language, FALLBACK)
        self.total, self._of_group, self.yes, self.no = _first(_WORDS, names)
        self.no_data, self.other, self.continued = (_first(words, names) for words in (_NO_DATA, _OTHER, _CONTINUED))

    def total_of(self, group: str) -> str:
        """How the total of the group `group` is called."""
        return self._of_group.replace("{}", group)


def _first(words: Mapping[str, Word], names: Sequence[str]) -> Word:
    return next(words[name] for name in names if name in words)


def find_locale(lang: str) -> Locale:
    """The locale of a language tag such as `de-CH`; its language's, or English, where CLDR has none so special."""
    tag = lang.replace("-", "_")
    for name in (tag, tag.partition("_")[0]):
        try:
            return Locale.parse(name)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale.parse(FALLBACK)
