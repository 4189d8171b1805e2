"""Compiled formats say what Babel says, of every number, in every locale."""

import random
from collections.abc import Callable
from decimal import Decimal, localcontext
from functools import partial

import pytest
from babel import Locale
from babel.localedata import locale_identifiers
from babel.numbers import format_currency, format_decimal, format_percent

from tasks.refusal import Refusal
from tasks.report.formats.numbers import EXACT, NumberFormat, number_format

LOCALES = locale_identifiers()
CHANCE = random.Random(7)  # noqa: S311 - the same numbers every time
EDGES: list[int | str] = [
    *(0, "-0", "0.00", "0.004", "0.005", "0.015", "0.025", "-0.005", "0.5", "1.5", "2.5", "-2.5", "9.995", "99.995"),
    *(999, "999.999", 1000, "1234.5", "-1234.5", 99999, 100000, "1234567.891", "-12345678.905", "0.1", -7, "1E+3"),
    *("1e-40", "-1e-40", "123456789012345678901234567890.12345", "-999999999999999999999999999999.995"),
]
NUMBERS = [
    *map(Decimal, EDGES),
    *(Decimal(CHANCE.randint(-(10**size), 10**size)).scaleb(-CHANCE.randint(0, 12)) for size in range(1, 30)),
]
PATTERNS = [
    "0", "#", "#,##0", "0.00", "#,##0.###", "#,##0.0#", "#,##,##0.00", "#,##0.00;(#,##0.00)", "#,##0.00 'net'", "'#'#0",
    "#0.0%", "%#,##0.00", "#,##0‰", "+0;-0", "0.0;'minus '0.0 'x'", "000.00", "#,####0.0", "@@@", "@@#", "0.0E0",
    "##0.##E+00", "#E0", "¤#,##0.00", "#,##0.0 ¤¤", "''0''", "'it''s '0", "#,##0.00\u00a0kr.", "Fr #,##0.00",
]  # fmt: skip


def babel(write: Callable[[Decimal], str], value: Decimal) -> str:
    """What Babel says, but without the sign where no digit but zeros is left."""
    with localcontext(EXACT):  # its own precision would round the long ones
        text = write(value)
        return text if set("123456789") & set(text) else write(abs(value))


def agree(form: NumberFormat, write: Callable[[Decimal], str]) -> None:
    assert form.all(NUMBERS) == [babel(write, value) for value in NUMBERS]


@pytest.mark.parametrize("names", [LOCALES[start::12] for start in range(12)], ids=lambda names: names[0])
def test_every_locale_writes_as_babel_does(names: list[str]) -> None:
    for locale in map(Locale.parse, names):
        agree(number_format(None, locale), partial(format_decimal, locale=locale))
        agree(number_format(None, locale, percent=True), partial(format_percent, locale=locale))
        for currency in ("EUR", "JPY", "KWD"):
            written = number_format(None, locale, currency=currency).all(NUMBERS)
            said = [babel(partial(format_currency, currency=currency, locale=locale), value) for value in NUMBERS]
            assert [unspaced(text) for text in written] == [unspaced(text) for text in said]


def unspaced(text: str) -> str:
    """Babel lets letters of a currency touch the digits; we do not."""
    return text.replace("\u00a0", "")


@pytest.mark.parametrize(
    ("lang", "currency", "written"),
    [
        ("en", "EUR", "-€1,234.50"),
        ("en", "CHF", "-CHF\u00a01,234.50"),
        ("de", "CHF", "-1.234,50\u00a0CHF"),
        ("ja", "JPY", "-￥1,235"),
        ("en_US", "CAD", "-CA$1,234.50"),
        ("da", "DKK", "-1.234,50\u00a0kr."),
    ],
)
def test_letters_of_a_currency_do_not_touch_the_digits(lang: str, currency: str, written: str) -> None:
    assert number_format(None, Locale.parse(lang), currency=currency)(Decimal("-1234.5")) == written


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("lang", ["en", "de", "fr", "hi", "ar_EG", "es_MX"])
def test_every_pattern_writes_as_babel_does(pattern: str, lang: str) -> None:
    values = [value for value in NUMBERS if value] if "E" in pattern else NUMBERS  # Babel has no exponent of nought
    form = number_format(pattern, Locale.parse(lang))
    assert form.all(values) == [babel(lambda one: format_decimal(one, pattern, locale=lang), value) for value in values]


def test_money_of_a_pattern_has_the_patterns_digits_and_its_currencys_sign() -> None:
    form = number_format("#,##0.000 ¤", Locale.parse("de"), currency="JPY")
    assert form(Decimal("1234.5")) == "1.234,500 ¥"
    named = number_format("0.00 ¤¤¤", Locale.parse("en"), currency="USD")
    assert named.all([Decimal(1), Decimal(2)]) == ["1.00 US dollar", "2.00 US dollars"]


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ({}, "1,234.568"),
        ({"decimals": 2}, "1,234.57"),
        ({"decimals": 0}, "1,235"),
        ({"decimals": 5}, "1,234.56789"),
        ({"currency": "EUR"}, "€1,234.57"),
        ({"currency": "JPY"}, "¥1,235"),
        ({"currency": "EUR", "decimals": 0}, "€1,235"),
        ({"percent": True}, "123,457%"),
        ({"percent": True, "decimals": 1}, "123,456.8%"),
    ],
)
def test_what_the_column_says_decides_the_digits(said: dict[str, object], written: str) -> None:
    assert number_format(None, Locale.parse("en"), **said)(Decimal("1234.56789")) == written  # type: ignore[arg-type]


@pytest.mark.parametrize("pattern", ["0.00", "#,##0.##", "000.00"])
def test_halves_are_rounded_away_from_zero(pattern: str) -> None:
    form = number_format(pattern, Locale.parse("en"))
    values = map(Decimal, ("2.345", "0.125", "1.005", "0.135", "-0.125", "-2.345"))
    assert [text.replace("00", "") for text in form.all(list(values))] == [
        "2.35", "0.13", "1.01", "0.14", "-0.13", "-2.35",
    ]  # fmt: skip


@pytest.mark.parametrize("pattern", ["0.00", "#,##0.##", "000.00", "¤#,##0.00", "#,##0.00;(#,##0.00)", "0.0%"])
def test_what_is_rounded_to_zero_has_no_sign(pattern: str) -> None:
    form = number_format(pattern, Locale.parse("en"), currency="EUR")
    written = form.all([Decimal("-0.00001"), Decimal("-0.0"), Decimal(0)])
    assert len(set(written)) == 1
    assert not {"-", "("} & set(written[0])


def test_integers_and_floats_are_written_as_the_decimals_that_they_print_as() -> None:
    form = number_format("#,##0.00", Locale.parse("en"))
    assert form.all([2**60, 0.1, 1e22, -5]) == ["1,152,921,504,606,846,976.00", "0.10", f"{10**22:,}.00", "-5.00"]
    assert form.all([]) == []


def test_a_format_tells_what_lines_numbers_up() -> None:
    assert number_format(None, Locale.parse("de")).decimal_mark == ","
    assert number_format(None, Locale.parse("ja")).decimal_mark == "."


@pytest.mark.parametrize("pattern", ["", "abc", "0" * 61, "0\n0", "@0.0", "%s", ";", "¤", ".", "__class__"])
def test_what_is_no_pattern_is_refused_by_its_field(pattern: str) -> None:
    with pytest.raises(Refusal) as caught:
        number_format(pattern, Locale.parse("en"), field="columns.2.format")
    assert (caught.value.code, caught.value.field) == ("invalid_format", "columns.2.format")
