"""The few words a chart says of its own, in the languages that most reports are written in."""

from typing import Final

from babel import Locale

NO_DATA: Final = {
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
OTHER: Final = {
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


def word(words: dict[str, str], locale: Locale) -> str:
    """The word in the locale's language and script, in English where we do not know it."""
    return words.get(f"{locale.language}_{locale.script}") or words.get(locale.language) or words["en"]
