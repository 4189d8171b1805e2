"""Every language tag finds a locale, and words."""

import pytest

from tasks.report.formats.locales import Words, find_locale


@pytest.mark.parametrize(
    ("lang", "found"),
    [
        ("en", "en"),
        ("de-DE", "de_DE"),
        ("pt_BR", "pt_BR"),
        ("zh-TW", "zh_Hant_TW"),
        ("ja-JP", "ja_JP"),
        ("de-XX", "de"),
        ("xx", "en"),
        ("en-US-posix-more", "en"),
    ],
)
def test_a_tag_finds_its_locale_or_the_nearest(lang: str, found: str) -> None:
    assert str(find_locale(lang)) == found


def test_totals_are_named_in_the_documents_language() -> None:
    assert Words(find_locale("de-AT")).total == "Summe"
    assert Words(find_locale("ja")).total_of("東京") == "東京 小計"
    assert Words(find_locale("zh-TW")).total == "合計"
    assert Words(find_locale("zh-CN")).total == "合计"
    assert Words(find_locale("sw")).total == "Total"


def test_a_groups_name_is_no_pattern() -> None:
    assert Words(find_locale("en")).total_of("{} {0} %s") == "Total {} {0} %s"
