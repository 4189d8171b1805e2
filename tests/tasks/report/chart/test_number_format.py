"""Numbers on axes and at marks."""

import pytest

from tasks.refusal import Refusal
from tasks.report.chart.number_format import ChartNumberFormat
from tasks.report.chart.ticks import nice_ticks
from tasks.report.formats.locales import find_locale


def ticks_of(lang: str, high: float, pattern: str | None = None, *, short: bool = False) -> list[str]:
    numbers = ChartNumberFormat(find_locale(lang), pattern)
    ticks = nice_ticks(0, high, 5, numbers.finest([high]))
    return [numbers.for_ticks(ticks, short=short)(value) for value in ticks.values]


@pytest.mark.parametrize(
    ("lang", "high", "texts"),
    [
        ("en", 80, ["0", "20", "40", "60", "80"]),
        ("en", 0.3, ["0", "0.1", "0.2", "0.3"]),
        ("de", 0.3, ["0", "0,1", "0,2", "0,3"]),
        ("en", 40_000, ["0", "10,000", "20,000", "30,000", "40,000"]),
        ("en", 4_000_000, ["0", "1M", "2M", "3M", "4M"]),
        ("de", 4_000_000, ["0", "1\xa0Mio.", "2\xa0Mio.", "3\xa0Mio.", "4\xa0Mio."]),
        ("ja", 4_000_000, ["0", "100万", "200万", "300万", "400万"]),
        ("ar", 400_000, ["0", "100,000", "200,000", "300,000", "400,000"]),  # its units need shaping
        ("en", 1e15, ["0", "250T", "500T", "750T", "1,000T"]),
        ("en", 0.0004, ["0", "0.0001", "0.0002", "0.0003", "0.0004"]),
        ("en", 4e-9, ["0", "1×10⁻⁹", "2×10⁻⁹", "3×10⁻⁹", "4×10⁻⁹"]),
    ],
)
def test_ticks_are_short_and_all_alike(lang: str, high: float, texts: list[str]) -> None:
    assert ticks_of(lang, high) == texts


def test_a_pattern_is_followed_to_its_last_digit() -> None:
    assert ticks_of("en", 4, "¤#,##0.00") == ["€0.00", "€1.00", "€2.00", "€3.00", "€4.00"]
    assert ticks_of("en", 0.4, "0%") == ["0%", "10%", "20%", "30%", "40%"]
    assert ticks_of("en", 0.04, "0.0%") == ["0.0%", "1.0%", "2.0%", "3.0%", "4.0%"]
    assert ticks_of("en", 3, "0 'kg'") == ["0 kg", "1 kg", "2 kg", "3 kg"]  # and not 0.5 as "0 kg"


def test_a_pattern_of_many_digits_and_a_narrow_range_are_no_trouble() -> None:
    assert len(ticks_of("en", 1e15, "0." + "0" * 58)) == 5
    numbers = ChartNumberFormat(find_locale("en"))
    ticks = nice_ticks(1, 1.000_001, 4)
    assert numbers.for_ticks(ticks)(ticks.values[1]) == "1.0000005"
    assert numbers.for_marks([1.000_000_25], ticks)(1.000_000_25) == "1.00000025"


def test_a_pattern_too_wide_for_the_axis_keeps_what_stands_around_its_digits() -> None:
    assert ticks_of("en", 4_000_000, "¤#,##0.00", short=True) == ["0", "€1M", "€2M", "€3M", "€4M"]
    assert ticks_of("en", 0.4, "0%", short=True) == ["0%", "10%", "20%", "30%", "40%"]


def test_marks_are_one_digit_finer_than_the_axis_and_no_finer_than_the_data() -> None:
    numbers = ChartNumberFormat(find_locale("en"))
    ticks = nice_ticks(0, 97.25, 5)
    assert [numbers.for_marks([97.25, 3], ticks)(value) for value in (97.25, 3)] == ["97.3", "3.0"]
    assert numbers.for_marks([97, 3], ticks)(97) == "97"
    assert numbers.for_marks([97.25], ticks, 0)(97.25) == "97"
    assert numbers.for_marks([1_234_567], nice_ticks(0, 1_234_567, 5))(1_234_567) == "1.23M"


def test_what_rounds_to_nothing_has_no_sign() -> None:
    assert ChartNumberFormat(find_locale("en")).for_marks([-0.004, 1], nice_ticks(0, 1, 3))(-0.0004) == "0"


def test_a_negative_number_has_its_sign_before_its_currency() -> None:
    numbers = ChartNumberFormat(find_locale("en"), "¤#,##0")
    ticks = nice_ticks(-4e6, 0, 5)
    assert numbers.for_ticks(ticks, short=True)(-4e6) == "-€4M"


@pytest.mark.parametrize(("part", "text"), [(0.345, "35%"), (0.001, "<1%"), (1, "100%"), (0, "0%")])
def test_a_share_is_a_whole_percentage(part: float, text: str) -> None:
    assert ChartNumberFormat(find_locale("en")).share(part) == text


@pytest.mark.parametrize(
    ("value", "pattern", "text"), [(6_880_000, "¤#,##0", "€6.9M"), (1159, None, "1,159"), (0.25, "0%", "25%")]
)
def test_a_total_is_brief(value: float, pattern: str | None, text: str) -> None:
    assert ChartNumberFormat(find_locale("en"), pattern).brief(value) == text


def test_a_pattern_that_cannot_be_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        ChartNumberFormat(find_locale("en"), "0\n")
    assert (refused.value.code, refused.value.field) == ("invalid_format", "format")
