"""Compiled formats say what Babel says, of every moment, in every locale and zone."""

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from babel.dates import format_date, format_datetime
from babel.localedata import locale_identifiers

from tasks.refusal import Refusal
from tasks.report.formats.dates import NAMED, date_format, datetime_format

LOCALES = locale_identifiers()
BERLIN = ZoneInfo("Europe/Berlin")
CHANCE = random.Random(3)  # noqa: S311 - the same moments every time
START = datetime(2024, 1, 1, tzinfo=UTC)
MOMENTS = [
    *((START + timedelta(seconds=CHANCE.randint(0, 90_000_000))).astimezone(BERLIN) for _ in range(8)),
    datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC).astimezone(BERLIN),  # the clock is about to jump
    datetime(2026, 3, 29, 1, 0, tzinfo=UTC).astimezone(BERLIN),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC).astimezone(BERLIN),  # half past two, the first time
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC).astimezone(BERLIN),
    datetime(1, 1, 1, 12, tzinfo=BERLIN),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=BERLIN),
]


@pytest.mark.parametrize("names", [LOCALES[start::12] for start in range(12)], ids=lambda names: names[0])
def test_every_locale_writes_as_babel_does(names: list[str]) -> None:
    for locale in map(Locale.parse, names):
        for name in NAMED:
            days = [moment.date() for moment in MOMENTS]
            assert date_format(name, locale).all(days) == [format_date(day, name, locale=locale) for day in days]
            assert datetime_format(name, locale, zone=BERLIN).all(MOMENTS) == [
                format_datetime(moment, name, tzinfo=BERLIN, locale=locale) for moment in MOMENTS
            ]


@pytest.mark.parametrize(
    "pattern",
    [
        "d MMM y, HH:mm", "yyyy-MM-dd'T'HH:mm:ssXXX", "h:mm a", "K:m", "kk", "EEEE d. MMMM", "QQQ yy", "w", "D",
        "ss.SSS", "A", "zzzz", "z", "Z", "ZZZZZ", "VV", "B h", "G y", "'100%' d %s", "c L", "''yy", "ee",
    ],
)  # fmt: skip
@pytest.mark.parametrize("lang", ["en", "de", "ja", "fi"])
def test_every_pattern_writes_as_babel_does(pattern: str, lang: str) -> None:
    form = datetime_format(pattern, Locale.parse(lang), zone=BERLIN)
    for moment in MOMENTS[:-2] if pattern == "w" else MOMENTS:  # Babel's weeks end with the calendar
        assert form(moment) == format_datetime(moment, pattern, tzinfo=BERLIN, locale=lang)


def test_a_week_that_reaches_beyond_the_calendar_is_its_day() -> None:
    assert date_format("w", Locale.parse("en"))(date(9999, 12, 31)) == "9999-12-31"


def test_a_field_that_babel_has_no_words_for_is_refused() -> None:
    with pytest.raises(Refusal):
        datetime_format("HH O", Locale.parse("en"))
    with pytest.raises(Refusal):
        datetime_format("b", Locale.parse("ja"))


def test_without_a_pattern_a_time_has_no_seconds() -> None:
    moment = datetime(2026, 11, 20, 13, 45, 6, tzinfo=BERLIN)
    assert datetime_format(None, Locale.parse("de"))(moment) == "20.11.2026, 13:45"
    assert date_format(None, Locale.parse("ja"))(moment.date()) == "2026/11/20"


def test_a_day_is_written_the_same_however_often() -> None:
    form = date_format("d MMM y", Locale.parse("en"))
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(25_000)]  # more than are kept
    assert form.all(days) == form.all(days)
    assert form(days[-1]) == "12 Jun 2094"


@pytest.mark.parametrize(
    "pattern", ["HH:mm", "d MMM HH", "full stop", "MMMMMMM", "''", "-", "z", "d\nM", "d" * 61, "j"]
)
def test_what_is_no_pattern_of_dates_is_refused_by_its_field(pattern: str) -> None:
    with pytest.raises(Refusal) as caught:
        date_format(pattern, Locale.parse("en"), field="columns.0.format")
    assert (caught.value.code, caught.value.field) == ("invalid_format", "columns.0.format")
