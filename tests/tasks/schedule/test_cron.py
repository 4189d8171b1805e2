"""Cron lines on the wall clocks of the world: ordinary days, and the nights on which the clock is changed."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

import tasks.schedule.cron
from tasks.refusal import Refusal
from tasks.schedule.cron import MAX_CHARS, DueTimes, canonical, canonical_zone, catch_up, in_words, next_due

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def utc(text: str) -> int:
    return ms(datetime.fromisoformat(text).replace(tzinfo=UTC))


def due_times(cron: str, timezone: str, start_ms: int, end_ms: int) -> list[int]:
    """As a ticker meets them, one after the other."""
    found, at = [], next_due(cron, timezone, start_ms - 1)
    while at < end_ms:
        found.append(at)
        at = next_due(cron, timezone, at)
    return found


def on_the_wall(cron: str, timezone: str, date: str, days: int = 1) -> list[str]:
    """When a line is due from a date's midnight on, as clocks there show it, and their distance from UTC."""
    zone = ZoneInfo(timezone)
    start = datetime.fromisoformat(date).replace(tzinfo=zone)
    times = due_times(cron, timezone, ms(start), ms(start + timedelta(days=days)))
    return [datetime.fromtimestamp(at / 1000, zone).strftime("%H:%M %z") for at in times]


@pytest.mark.parametrize(
    ("cron", "after", "due"),
    [
        ("17 3 * * *", "2026-11-20 03:16:59", "2026-11-20 03:17"),
        ("17 3 * * *", "2026-11-20 03:17:00", "2026-11-21 03:17"),
        ("* * * * *", "2026-11-20 03:17:00.500", "2026-11-20 03:18"),
        ("*/15 9-17 * * MON-FRI", "2026-11-20 17:45", "2026-11-23 09:00"),
        ("0 6 1,15 * *", "2026-11-20", "2026-12-01 06:00"),
        ("0 0 L * *", "2026-02-03", "2026-02-28"),
        ("0 9 * * MON#1", "2026-11-20", "2026-12-07 09:00"),
        ("0 0 29 2 *", "2026-11-20", "2028-02-29"),
    ],
)
def test_a_line_is_due_at_the_first_time_after_a_moment(cron: str, after: str, due: str) -> None:
    assert next_due(cron, "UTC", utc(after)) == utc(due)


# Where and when the clock is changed, and a fixed time that the change swallows or repeats.
NIGHTS = {
    "Berlin, on": ("Europe/Berlin", "2026-03-29", "30 2", ["03:00 +0200"]),
    "Berlin, back": ("Europe/Berlin", "2026-10-25", "30 2", ["02:30 +0200"]),
    "New York, on": ("America/New_York", "2026-03-08", "5 2", ["03:00 -0400"]),
    "New York, back": ("America/New_York", "2026-11-01", "5 1", ["01:05 -0400"]),
    "Lord Howe, on": ("Australia/Lord_Howe", "2026-10-04", "15 2", ["02:30 +1100"]),
    "Lord Howe, back": ("Australia/Lord_Howe", "2026-04-05", "45 1", ["01:45 +1100"]),
    "Santiago, at midnight, on": ("America/Santiago", "2026-09-06", "0 0", ["01:00 -0300"]),
    "Santiago, at midnight, back": ("America/Santiago", "2026-04-04", "30 23", ["23:30 -0300"]),
    "Troll, by two hours, on": ("Antarctica/Troll", "2026-03-29", "30 1", ["03:00 +0200"]),
    "Troll, by two hours, back": ("Antarctica/Troll", "2026-10-25", "30 1", ["01:30 +0200"]),
    "Casablanca, for Ramadan": ("Africa/Casablanca", "2026-02-15", "30 2", ["02:30 +0100"]),
    "Kolkata, never": ("Asia/Kolkata", "2026-03-29", "30 2", ["02:30 +0530"]),
}


@pytest.mark.parametrize(("timezone", "date", "time", "due"), NIGHTS.values(), ids=NIGHTS)
def test_a_fixed_time_is_due_once_a_night(timezone: str, date: str, time: str, due: list[str]) -> None:
    assert on_the_wall(f"{time} * * *", timezone, date) == due


@pytest.mark.parametrize(("timezone", "date"), [night[:2] for night in NIGHTS.values()], ids=NIGHTS)
@pytest.mark.parametrize(
    "cron",
    ["*/7 * * * *", "15 * * * *", "0 */2 * * *", "*/10 0 * * *", "*/10 1 * * *", "*/20 2,3 * * *", "*/10 4 * * *"],
)
def test_a_moving_line_is_due_whenever_the_clock_on_the_wall_says_so(timezone: str, date: str, cron: str) -> None:
    """Against the slow way: a look at the wall every minute of two days."""
    zone, line = ZoneInfo(timezone), CronSim(cron, datetime(2000, 1, 1))  # noqa: DTZ001 - of no zone
    start = datetime.fromisoformat(date).replace(tzinfo=UTC) - timedelta(hours=12)
    seen = []
    for minute in range(48 * 60):
        wall = (start + timedelta(minutes=minute)).astimezone(zone)
        if wall.minute in line.minutes and wall.hour in line.hours:
            seen.append(ms(wall))
    assert due_times(cron, timezone, ms(start), ms(start + timedelta(hours=48))) == seen


def test_several_lost_times_are_made_up_for_by_one() -> None:
    assert on_the_wall("0,20,40 2 * * *", "Europe/Berlin", "2026-03-29") == ["03:00 +0200"]
    assert on_the_wall("30 2,3 * * *", "Europe/Berlin", "2026-03-29") == ["03:00 +0200", "03:30 +0200"]


def test_whenever_it_is_asked_the_answer_lies_ahead() -> None:
    """Also of a moment in the hour that comes twice."""
    start = utc("2026-10-24 22:00")
    for cron in ("30 2 * * *", "15 1,2,3 * * *", "*/30 2 * * *", "* * * * *"):
        answers = [next_due(cron, "Europe/Berlin", start + n * 5 * MINUTE_MS + 1) for n in range(60)]
        assert all(start + n * 5 * MINUTE_MS + 1 < due for n, due in enumerate(answers))
        assert all(one <= two for one, two in pairwise(answers))


BAD = {
    "nothing": "",
    "four fields": "* * * *",
    "seconds": "0 * * * * *",
    "a nickname": "@daily",
    "a word": "at three o'clock every day",
    "minute 60": "60 * * * *",
    "a range that runs backwards": "0 17-9 * * *",
    "a step of nothing": "*/0 * * * *",
    "an Arabic digit": "٣ * * * *",
    "the 30th of February": "0 0 30 2 *",
    "a line without end": "0 " * 2 + "1" * MAX_CHARS + " * *",
}


@pytest.mark.parametrize("cron", BAD.values(), ids=BAD)
def test_a_bad_line_is_refused(cron: str) -> None:
    for ask in (lambda: next_due(cron, "UTC", 0), lambda: in_words(cron, "UTC")):
        with pytest.raises(Refusal) as refused:
            ask()
        assert (refused.value.code, refused.value.field) == ("invalid_cron", "cron")


@pytest.mark.parametrize(
    "timezone", ["", "Mars/Olympus", "Europe", "../UTC", "/etc/passwd", "x" * 5000, "Europe/Berlin\0"]
)
def test_an_unknown_zone_is_refused(timezone: str) -> None:
    with pytest.raises(Refusal) as refused:
        next_due("* * * * *", timezone, 0)
    assert (refused.value.code, refused.value.field) == ("unknown_timezone", "timezone")


def test_a_line_is_told_in_words() -> None:
    assert in_words("17 3 * * *", "UTC") == "At 03:17 every day (UTC)"


class TestCatchingUp:
    def due_times(self, cron: str, due: str, now: str, late_ms: int) -> DueTimes:
        return catch_up(cron, "UTC", due_ms=utc(due), now_ms=utc(now), late_ms=late_ms)

    def test_what_is_due_now_runs_and_nothing_was_missed(self) -> None:
        due_times = self.due_times("0 * * * *", "2026-11-20 08:00", "2026-11-20 08:00:00.700", HOUR_MS)
        assert due_times == DueTimes(utc("2026-11-20 08:00"), missed=False, next_ms=utc("2026-11-20 09:00"))

    def test_after_an_outage_the_newest_runs_once(self) -> None:
        due_times = self.due_times("0 * * * *", "2026-11-20 01:00", "2026-11-20 08:20", HOUR_MS)
        assert due_times == DueTimes(utc("2026-11-20 08:00"), missed=True, next_ms=utc("2026-11-20 09:00"))

    def test_what_is_too_late_does_not_run(self) -> None:
        due_times = self.due_times("17 3 * * *", "2026-11-20 03:17", "2026-11-20 08:20", 5 * HOUR_MS)
        assert due_times == DueTimes(None, missed=True, next_ms=utc("2026-11-21 03:17"))

    def test_the_limit_itself_is_not_too_late(self) -> None:
        due_times = self.due_times("17 3 * * *", "2026-11-20 03:17", "2026-11-20 08:17", 5 * HOUR_MS)
        assert due_times.run_ms == utc("2026-11-20 03:17")

    def test_days_of_minutes_are_caught_up_at_once(self) -> None:
        due_times = self.due_times("* * * * *", "2026-01-01 00:00", "2026-11-20 08:20:30", 60_000)
        assert due_times == DueTimes(utc("2026-11-20 08:20"), missed=True, next_ms=utc("2026-11-20 08:21"))


@pytest.mark.parametrize(
    ("cron", "written"),
    [
        ("30 6 * * mon-fri", "30 6 * * MON-FRI"),
        ("@daily", "0 0 * * *"),
        (" @Hourly ", "0 * * * *"),
        ("0 22-6 * * *", "0 22-23,0-6 * * *"),
        ("0 22-6/3 * * *", "0 22,1,4 * * *"),
        ("0 0 * * FRI-MON", "0 0 * * 5-6,0-1"),
        ("0 0 * * sat-sun", "0 0 * * 6-6,0-0"),
        ("0 0 * * 7-2", "0 0 * * 0-2"),
        ("0 0 * nov-feb *", "0 0 * 11-12,1-2 *"),
        ("5,50-10 0 28-3 * MON#1", "5,50-59,0-10 0 28-31,1-3 * MON#1"),
        ("*/5 9-17/2 L * 5-7", "*/5 9-17/2 L * 5-7"),
    ],
)
def test_what_people_write_is_written_as_every_version_reads_it(cron: str, written: str) -> None:
    assert canonical(cron) == written
    assert next_due(canonical(cron), "UTC", 0) > 0


def test_a_range_past_the_end_is_due_on_both_sides_of_it() -> None:
    line = canonical("0 0 * * FRI-MON")
    times = due_times(line, "UTC", utc("2026-11-23"), utc("2026-11-30"))
    assert [datetime.fromtimestamp(at / 1000, UTC).strftime("%a") for at in times] == ["Mon", "Fri", "Sat", "Sun"]


@pytest.mark.parametrize(
    "cron", ["@reboot", "@every 5m", "@daily @daily", "0 25-6 * * *", "0 0 * * FRI-XYZ", "0 22-6/0 * * *"]
)
def test_what_is_no_line_is_refused(cron: str) -> None:
    with pytest.raises(Refusal, match="cron: "):
        next_due(canonical(cron), "UTC", 0)


def test_an_unknown_word_is_answered_with_those_that_are_known() -> None:
    with pytest.raises(Refusal, match=r"@reboot.*@hourly"):
        canonical("@reboot")


def test_a_zone_is_found_whatever_the_case_of_its_letters() -> None:
    assert [canonical_zone(name) for name in ("europe/berlin", "UTC", "utc")] == ["Europe/Berlin", "UTC", "UTC"]
    with pytest.raises(Refusal, match="IANA"):
        canonical_zone("Europe/Nowhere")


@pytest.mark.parametrize("cron", ["* * * * *", "*/7 0-11 * * *", "17 3 * * *", "* 3 * * *", "0 6 1,15 * *"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_the_last_due_time_after_an_outage_is_that_of_a_walk_through_all_of_them(cron: str, zone: str) -> None:
    for hours in (0, 1, 7, 20):
        due_ms = next_due(cron, zone, utc("2026-10-24 23:31"))
        now_ms = due_ms + hours * HOUR_MS + 12_345
        times = due_times(cron, zone, due_ms, now_ms + 1)
        found = catch_up(cron, zone, due_ms=due_ms, now_ms=now_ms, late_ms=30 * 24 * HOUR_MS)
        assert found == DueTimes(times[-1], len(times) > 1, next_due(cron, zone, times[-1]))


def test_a_day_of_minutes_is_caught_up_with_in_a_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0

    def counted(*args: Any) -> int:
        nonlocal steps
        steps += 1
        return next_due(*args)

    monkeypatch.setattr(tasks.schedule.cron, "next_due", counted)
    due_ms = utc("2026-11-20")
    catch_up("* * * * *", "UTC", due_ms=due_ms, now_ms=due_ms + 24 * HOUR_MS, late_ms=24 * HOUR_MS)
    assert steps < 20
