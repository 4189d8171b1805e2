"""How pages write numbers, sizes, durations and times. A value that is not known is a dash."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from api.console.texts import Text
from api.console.texts.cron_words import in_japanese
from tasks import clock

UNKNOWN: Final = "–"
UNIT: Final = re.compile("[a-z]+")
FULL_UP_TO: Final = 100_000
KILO: Final = 1000
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
HOURS_SHOWN: Final = 48
UNKNOWN_SIZE: Final = (320, 240)
"""Pixels of a picture whose size its job has not noted."""
PICTURE_PX: Final = 640
"""Width and height up to which a thumbnail is shown as it is, one pixel for one."""
A4_PX: Final = (1190, 1684)
"""Pixels of the first page of a report of an earlier version, which has not noted them either."""


def exact(value: int) -> str:
    """`1,204,117`: for sentences, which have no titles."""
    return f"{value:,}"


def number(value: float | None) -> Markup | str:
    """`1,204`; from 100,000 on `104 k` or `1.2 M`, with the exact figure in the title."""
    if value is None:
        return UNKNOWN
    exact = f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
    if abs(value) < FULL_UP_TO:
        return exact
    return Markup('<span title="{}">{}</span>').format(exact, _with_unit(value, ("", " k", " M", " G", " T")))


def size(value: float | None) -> Markup | str:
    """`25.5 kB`, with the exact number of bytes in the title."""
    if value is None:
        return UNKNOWN
    if value < KILO:
        return f"{value:.0f} B"
    shown = _with_unit(value, (" B", " kB", " MB", " GB", " TB"))
    return Markup('<span title="{} B">{}</span>').format(f"{value:,}", shown)


def duration(seconds: float | None, t: Text) -> str:
    """`3 ms`, `5.2 s`, `1 min 05 s`, `2 h 10 min`, `3 d 4 h`; never less than nothing, for clocks differ."""
    return UNIT.sub(lambda unit: t(f"general.unit_{unit[0]}"), _duration(seconds))


@pass_context
def duration_filter(context: Context, seconds: float | None) -> str:
    """As `duration`, in the language of the page."""
    return duration(seconds, context["t"])


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return UNKNOWN
    seconds = max(seconds, 0)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < MINUTE_S:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} min {whole % MINUTE_S:02} s"
    if whole < HOURS_SHOWN * HOUR_S:
        return f"{whole // HOUR_S} h {whole % HOUR_S // MINUTE_S:02} min"
    return f"{whole // DAY_S} d {whole % DAY_S // HOUR_S} h"


def percent(share: float | None) -> str:
    """`2.1 %` of a share between 0 and 1."""
    return UNKNOWN if share is None else f"{100 * share:.1f} %"


def moment(value: str | int | datetime | None) -> datetime | None:
    """A time of the API: RFC 3339 text, milliseconds since 1970, or a datetime."""
    if value is None or isinstance(value, datetime):
        return value
    if isinstance(value, int):
        return clock.from_ms(value)
    return datetime.fromisoformat(value)


def when(value: str | int | datetime | None, t: Text) -> Markup | str:
    """A time: how long ago or how far ahead within an hour, else the hour or the day; in full in the title, in UTC.

    A script adds the reader's own zone to the title.
    """
    time = moment(value)
    if time is None:
        return UNKNOWN
    now = clock.from_ms(clock.now_ms())
    seconds = (now - time).total_seconds()
    if abs(seconds) < HOUR_S:
        whole = round(abs(seconds))
        span = f"{whole} {t('general.unit_s')}" if whole < MINUTE_S else f"{whole // MINUTE_S} {t('general.unit_min')}"
        shown = (
            t("general.just_now")
            if abs(seconds) < 1
            else t("general.ago" if seconds > 0 else "general.ahead", span=span)
        )
    elif time.date() == now.date():
        shown = f"{time:%H:%M} UTC"
    elif time.year == now.year:
        shown = f"{time:%d} {t(f'general.month_{time.month}')} {time:%H:%M}"
    else:
        shown = f"{time:%Y-%m-%d %H:%M}"
    full = f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    iso = time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(iso, full, shown)


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Seconds from one time of the API to another, or to now if the second is None; None without a first."""
    first, last = moment(start), moment(end)
    if first is None:
        return None
    return ((last or clock.from_ms(clock.now_ms())) - first).total_seconds()


FILTERS: Final[dict[str, Any]] = {
    "number": number,
    "size": size,
    "duration": duration_filter,
    "percent": percent,
    "when": when,
    "in_japanese": in_japanese,
}
"""What templates call them."""


def _with_unit(value: float, units: tuple[str, ...]) -> str:
    place = 0
    while abs(value) >= KILO and place < len(units) - 1:
        value, place = value / KILO, place + 1
    has_two_figures = place > 0 and abs(value) < 100
    return f"{value:.1f}{units[place]}" if has_two_figures else f"{value:.0f}{units[place]}"


def shown_size(
    about: Mapping[str, Any], *, width: int, height: int, unknown: tuple[int, int] = UNKNOWN_SIZE
) -> tuple[int, int]:
    """Width and height at which a picture is shown, in pixels: its own, or less if it is large. Each `<img>` has them,
    so that nothing moves as it loads.

    Args:
        about: What its job notes of the file.
        width: Pixels at most.
        height: Pixels at most.
        unknown: Its size if the job has noted none.
    """
    own_width, own_height = about.get("width"), about.get("height")
    if not own_width or not own_height:
        own_width, own_height = unknown
    scale = min(1, width / own_width, height / own_height)
    return max(1, round(own_width * scale)), max(1, round(own_height * scale))
