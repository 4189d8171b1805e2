"""Numbers as people write them."""

from decimal import Decimal

import pytest
from babel import Locale

from tasks.report.data.cells.written_numbers import NotANumber, NumberReader
from tasks.report.data.source import WrittenForms

ENGLISH, GERMAN = WrittenForms(".", ", '\u00a0\u202f’"), WrittenForms(",", ". '\u00a0\u202f’")
UNSURE = WrittenForms(".", ",", ambiguous=True)


@pytest.mark.parametrize(
    ("forms", "text", "value"),
    [
        (ENGLISH, "1,240.50", "1240.50"),
        (ENGLISH, "1,240", "1240"),
        (ENGLISH, "12,34,567.8", "1234567.8"),
        (ENGLISH, "(5.00)", "-5.00"),
        (ENGLISH, "-1'240.50", "-1240.50"),
        (ENGLISH, "\u22125", "-5"),
        (ENGLISH, "5.00-", "-5.00"),
        (ENGLISH, "1 240.5", "1240.5"),
        (ENGLISH, "1.5e3", "1500"),
        (GERMAN, "1.240,50", "1240.50"),
        (GERMAN, "1.240", "1240"),
        (GERMAN, "980,00", "980.00"),
        (GERMAN, "1\u202f240,5", "1240.5"),
        (GERMAN, ",5", "0.5"),
        (UNSURE, "1,240,000", "1240000"),
        (UNSURE, "1240.5", "1240.5"),
    ],
)
def test_marks_are_those_of_the_file(forms: WrittenForms, text: str, value: str) -> None:
    assert NumberReader(forms).read(text) == Decimal(value)


@pytest.mark.parametrize(
    ("forms", "text", "cure"),
    [
        (ENGLISH, "1.240,50", "set 'decimal' to ','"),
        (ENGLISH, "1,24", "set 'decimal' to ','"),
        (GERMAN, "1,240.50", "set 'decimal' to '.'"),
        (GERMAN, "1234.5", "set 'decimal' to '.'"),
        (UNSURE, "1,240", "It may be 1240 or 1.240: set 'decimal'"),
        (ENGLISH, "1,2,3", ""),
        (ENGLISH, "1 24", ""),
        (ENGLISH, "1,240'000", ""),
        (ENGLISH, "12 %", "type percent"),
        (ENGLISH, "€5", "type money"),
        (ENGLISH, "five", ""),
        (ENGLISH, "-", "Set 'nulls' to '-'"),
        (ENGLISH, "N/A", "Set 'nulls' to 'N/A'"),
        (ENGLISH, "", ""),
        (ENGLISH, "--5", ""),
        (ENGLISH, "-5-", ""),
        (ENGLISH, "(-5", ""),
        (ENGLISH, "5 kg of 7", ""),
        (ENGLISH, "\uff15", ""),
    ],
)
def test_what_is_no_number_names_what_would_help(forms: WrittenForms, text: str, cure: str) -> None:
    with pytest.raises(NotANumber) as caught:
        NumberReader(forms).read(text)
    assert cure in caught.value.cure if cure else caught.value.cure is not None


@pytest.mark.parametrize(
    ("currency", "text", "value"),
    [
        ("EUR", "€5.00", "5.00"),
        ("EUR", "5.00 €", "5.00"),
        ("EUR", "-€ 5.00", "-5.00"),
        ("EUR", "€-5.00", "-5.00"),
        ("EUR", "EUR 5", "5"),
        ("EUR", "5 eur", "5"),
        ("EUR", "(€5)", "-5"),
        ("CAD", "$1,240.50", "1240.50"),
        ("USD", "$5", "5"),
        ("CNY", "¥5", "5"),
    ],
)
def test_the_sign_of_the_columns_currency_may_stand_beside_the_number(currency: str, text: str, value: str) -> None:
    reader = NumberReader(ENGLISH, currency=currency, locale=Locale.parse("en"))
    assert reader.read(text) == Decimal(value)


@pytest.mark.parametrize("text", ["$5", "5 GBP", "€5 $", "5 %"])
def test_another_currency_is_no_amount(text: str) -> None:
    with pytest.raises(NotANumber):
        NumberReader(ENGLISH, currency="EUR", locale=Locale.parse("en")).read(text)


def test_a_percent_sign_means_hundredths_in_a_column_of_percentages() -> None:
    assert NumberReader(GERMAN, percent=True).read("7,5 %") == Decimal("0.075")
    assert NumberReader(GERMAN, percent=True).read("0,075") == Decimal("0.075")
    assert NumberReader(GERMAN, percent=True).read("-7%") == Decimal("-0.07")
