"""Units of time in the language of the page, and single points of charts."""

import pytest

from api.console.charts import lines
from api.console.formats import UNKNOWN, duration, when
from api.console.texts import text_in
from tasks import clock


@pytest.mark.parametrize(
    ("seconds", "en", "ja"),
    [
        (0.003, "3 ms", "3 ミリ秒"),
        (5.2, "5.2 s", "5.2 秒"),
        (65, "1 min 05 s", "1 分 05 秒"),
        (7800, "2 h 10 min", "2 時間 10 分"),
        (273_600, "3 d 4 h", "3 日 4 時間"),
        (None, UNKNOWN, UNKNOWN),
    ],
)
def test_durations(seconds: float | None, en: str, ja: str) -> None:
    assert (duration(seconds, text_in("en")), duration(seconds, text_in("ja"))) == (en, ja)


def test_how_long_ago() -> None:
    past_ms = clock.now_ms() - 600_100
    assert ">10 分前<" in str(when(past_ms, text_in("ja")))
    assert ">10 min ago<" in str(when(past_ms, text_in("en")))


def test_a_single_point_stays_inside_its_chart() -> None:
    drawn = str(lines([("p50", [1, None, 1])], "x", width=100, height=10))
    assert ('points="0.0,' in drawn, 'points="98.0,' in drawn, " 100.0," in drawn, "-" in drawn.split("points")[1]) == (
        True,
        True,
        True,
        False,
    )
