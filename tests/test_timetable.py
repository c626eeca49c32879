"""When things are due: local hours, clocks that change, cuts, dates."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from make import HOUR, NOON

from digest.model import EVERY_DAY
from digest.timetable import (
    Look,
    cut_at,
    due_at,
    due_slots,
    editorial_day,
    in_words,
    known_zones,
    last_due,
    look_due,
)

CATCH_UP = 6 * HOUR
MINUTE = timedelta(minutes=1)


def utc(text: str) -> datetime:
    """An instant written as ISO 8601 without a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("local_date", "hour", "zone", "instant"),
    [
        ("2026-01-15", 7, "UTC", "2026-01-15 07:00"),
        ("2026-01-15", 7, "Europe/Berlin", "2026-01-15 06:00"),
        ("2026-07-15", 7, "Europe/Berlin", "2026-07-15 05:00"),
        ("2026-01-15", 7, "America/New_York", "2026-01-15 12:00"),
        ("2026-01-15", 0, "Asia/Kathmandu", "2026-01-14 18:15"),  # +05:45
        ("2026-01-15", 7, "Asia/Kolkata", "2026-01-15 01:30"),  # +05:30
        ("2026-01-15", 7, "Pacific/Kiritimati", "2026-01-14 17:00"),  # +14, the first
        ("2026-01-15", 7, "Pacific/Pago_Pago", "2026-01-15 18:00"),  # −11, nearly the last
        ("2026-01-15", 7, "Pacific/Chatham", "2026-01-14 17:15"),  # +13:45 in summer
        ("2026-07-15", 7, "Pacific/Chatham", "2026-07-14 18:15"),  # +12:45 in winter
        # Spring, Berlin: 02:00 to 03:00 does not exist.
        ("2026-03-29", 1, "Europe/Berlin", "2026-03-29 00:00"),
        ("2026-03-29", 2, "Europe/Berlin", "2026-03-29 01:00"),  # 03:00 by the new clock
        ("2026-03-29", 3, "Europe/Berlin", "2026-03-29 01:00"),
        # Autumn, Berlin: 02:00 to 03:00 comes twice; the first counts.
        ("2026-10-25", 2, "Europe/Berlin", "2026-10-25 00:00"),
        ("2026-10-25", 3, "Europe/Berlin", "2026-10-25 02:00"),
        # New York changes at two as well, in other weeks.
        ("2026-03-08", 2, "America/New_York", "2026-03-08 07:00"),
        ("2026-11-01", 1, "America/New_York", "2026-11-01 05:00"),
        # Lord Howe moves by half an hour: 02:00 to 02:30 is skipped, 01:30 to 02:00 comes twice.
        ("2026-10-04", 2, "Australia/Lord_Howe", "2026-10-03 15:30"),  # 02:30 by the new clock
        ("2026-10-04", 3, "Australia/Lord_Howe", "2026-10-03 16:00"),
        ("2026-04-05", 1, "Australia/Lord_Howe", "2026-04-04 14:00"),
        ("2026-04-05", 2, "Australia/Lord_Howe", "2026-04-04 15:30"),
        # Chatham, +12:45, changes at 02:45.
        ("2026-09-27", 3, "Pacific/Chatham", "2026-09-26 14:15"),
        # Midnight itself is skipped in Santiago.
        ("2026-09-06", 0, "America/Santiago", "2026-09-06 04:00"),
        # Half of the year, Morocco's offset is the other way round.
        ("2026-03-01", 7, "Africa/Casablanca", "2026-03-01 07:00"),
        # A whole day that Samoa left out: it falls on the day after.
        ("2011-12-30", 7, "Pacific/Apia", "2011-12-30 17:00"),
        ("2011-12-31", 7, "Pacific/Apia", "2011-12-30 17:00"),
    ],
)
def test_a_local_hour_is_due_at_one_instant(local_date, hour, zone, instant):
    assert due_at(date.fromisoformat(local_date), hour, zone) == utc(instant)


def changes(zone: str) -> Iterator[date]:
    """The dates of a year on which the clocks of a zone change, and those around them."""
    before = due_at(date(2025, 12, 31), 12, zone)
    for day in range(365):
        local_date = date(2026, 1, 1) + timedelta(days=day)
        noon = due_at(local_date, 12, zone)
        if noon - before != 24 * HOUR:
            yield from (local_date - timedelta(days=1), local_date)
        before = noon


def test_in_no_zone_an_hour_is_due_before_its_time_or_two_hours_after_it():
    for zone in known_zones():
        for local_date in changes(zone):
            for hour in range(24):
                asked = datetime.combine(local_date, time(hour))
                shown = due_at(local_date, hour, zone).astimezone(ZoneInfo(zone))
                # Two hours are skipped at Troll, one elsewhere.
                assert asked <= shown.replace(tzinfo=None) <= asked + 2 * HOUR, (zone, asked)


def test_an_hour_that_is_skipped_at_the_end_of_a_date_is_caught_up_on_the_next():
    # In Nuuk the clocks go from 22:59 on Saturday to 00:00 on Sunday.
    midnight = utc("2026-03-29 01:00")
    assert slots(midnight - timedelta(seconds=1), hour=23, zone="America/Nuuk") == []
    assert slots(midnight, hour=23, zone="America/Nuuk") == [("2026-03-28", True)]


def slots(now: datetime, hour=7, zone="UTC", days=EVERY_DAY, catch_up=CATCH_UP):
    """(local date, late) of what is due at that instant."""
    return [
        (found.local_date.isoformat(), found.late)
        for found in due_slots([(hour, zone, days)], now, catch_up)
    ]


@pytest.mark.parametrize(
    ("now", "hour", "zone", "due"),
    [
        ("2026-01-15 06:59:59.999999", 7, "UTC", []),
        ("2026-01-15 07:00", 7, "UTC", [("2026-01-15", False)]),
        ("2026-01-15 23:59:59", 7, "UTC", [("2026-01-15", False)]),  # until midnight
        ("2026-01-16 00:00", 7, "UTC", []),  # 17 hours late is too late
        ("2026-01-16 00:00", 18, "UTC", [("2026-01-15", True)]),
        ("2026-01-16 00:00:01", 18, "UTC", []),  # a second more than six hours
        ("2026-01-16 05:00", 23, "UTC", [("2026-01-15", True)]),
        ("2026-01-16 00:30", 0, "UTC", [("2026-01-16", False)]),  # today's, not yesterday's
        # Midnight is the reader's: 20:00 UTC is tomorrow in Kathmandu.
        ("2026-01-15 20:00", 1, "Asia/Kathmandu", [("2026-01-16", False)]),
        ("2026-01-15 18:14", 0, "Asia/Kathmandu", [("2026-01-15", False)]),
        ("2026-01-15 18:15", 0, "Asia/Kathmandu", [("2026-01-16", False)]),
        ("2026-01-15 18:30", 20, "Asia/Kathmandu", [("2026-01-15", True)]),
        # The hour that comes twice: due from the first, and still the same date at the second.
        ("2026-10-25 00:00", 2, "Europe/Berlin", [("2026-10-25", False)]),
        ("2026-10-25 01:00", 2, "Europe/Berlin", [("2026-10-25", False)]),
        ("2026-10-24 23:59", 2, "Europe/Berlin", []),
        # The hour that is skipped: due just after the gap.
        ("2026-03-29 00:59", 2, "Europe/Berlin", []),
        ("2026-03-29 01:00", 2, "Europe/Berlin", [("2026-03-29", False)]),
        ("2026-10-03 15:29", 2, "Australia/Lord_Howe", []),
        ("2026-10-03 15:30", 2, "Australia/Lord_Howe", [("2026-10-04", False)]),
    ],
)
def test_what_is_due_at_an_instant(now, hour, zone, due):
    assert slots(utc(now), hour, zone) == due


def test_days_that_a_reader_did_not_choose_are_not_due():
    thursday = frozenset({3})
    assert slots(NOON, days=thursday) == [("2026-01-15", False)]
    assert slots(NOON + 24 * HOUR, days=thursday) == []
    assert slots(NOON, days=EVERY_DAY - thursday) == []
    assert slots(NOON, days=frozenset()) == []


def test_a_late_slot_is_of_the_day_that_was_chosen_not_of_the_one_that_is():
    past_midnight = utc("2026-01-16 01:00")
    assert slots(past_midnight, hour=22, days=frozenset({3})) == [("2026-01-15", True)]
    assert slots(past_midnight, hour=22, days=frozenset({4})) == []


def test_without_catching_up_nothing_of_yesterday_is_due():
    assert slots(utc("2026-01-16 00:00:01"), hour=23, catch_up=timedelta()) == []


def test_a_slot_names_who_is_due_and_since_when():
    (found,) = due_slots([(7, "Europe/Berlin", EVERY_DAY)], NOON, CATCH_UP)
    assert (found.hour, found.zone, found.days) == (7, "Europe/Berlin", EVERY_DAY)
    assert found.due_at == NOON.replace(hour=6)


def test_every_group_has_its_own_slot_and_none_gives_none():
    groups = [(7, "UTC", EVERY_DAY), (8, "UTC", EVERY_DAY), (23, "UTC", EVERY_DAY)]
    assert [found.hour for found in due_slots(groups, NOON, CATCH_UP)] == [7, 8]
    assert due_slots([], NOON, CATCH_UP) == ()


@pytest.mark.parametrize(
    "zone",
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
     "Pacific/Chatham", "Pacific/Apia", "America/Santiago", "Africa/Casablanca", "Asia/Gaza"],
)  # fmt: skip
def test_a_year_of_ticks_finds_every_local_date_once_as_it_begins(zone):
    """Half an hour between ticks: a date appears when its hour is there."""
    first: dict[str, datetime] = {}
    for tick in range(366 * 48):
        now = utc("2026-01-01 00:00") + tick * HOUR / 2
        for local_date, late in slots(now, hour=2, zone=zone):
            if not late:
                first.setdefault(local_date, now)
    dates = sorted(first)[1:]  # the first may have begun before the year in UTC
    begin = date.fromisoformat(dates[0])
    assert dates == [str(begin + timedelta(days=n)) for n in range(len(dates))]
    assert len(dates) >= 364
    for local_date in dates:
        late_by = first[local_date] - due_at(date.fromisoformat(local_date), 2, zone)
        assert timedelta() <= late_by < HOUR / 2


@pytest.mark.parametrize(
    ("now", "hours", "cut"),
    [
        ("2026-01-15 12:00", 1, "2026-01-15 12:00"),
        ("2026-01-15 12:59:59.999999", 1, "2026-01-15 12:00"),
        ("2026-01-15 23:59", 3, "2026-01-15 21:00"),
        ("2026-01-15 23:59", 24, "2026-01-15 00:00"),
        ("2026-01-15 00:00", 24, "2026-01-15 00:00"),
        ("2026-01-15 11:59", 12, "2026-01-15 00:00"),
    ],
)
def test_a_cut_is_the_last_full_hour_of_its_kind(now, hours, cut):
    assert cut_at(utc(now), hours) == utc(cut)


def test_a_cut_is_the_same_whatever_the_zone_of_now():
    kathmandu = NOON.replace(minute=30).astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert cut_at(kathmandu, 1) == NOON
    assert cut_at(kathmandu, 1).tzinfo is UTC


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("UTC", "2026-01-15"),
        ("Pacific/Kiritimati", "2026-01-16"),
        ("Pacific/Pago_Pago", "2026-01-15"),
    ],
)
def test_the_day_of_an_edition_is_the_date_in_the_operator_s_zone(zone, day):
    assert editorial_day(NOON, zone) == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(0), "0 min"),
        (-HOUR, "0 min"),  # never before
        (timedelta(seconds=59), "0 min"),
        (59 * MINUTE, "59 min"),
        (HOUR, "1 h"),
        (48 * HOUR - MINUTE, "47 h"),
        (48 * HOUR, "2 days"),
        (timedelta(days=10), "10 days"),
    ],
)
def test_a_length_of_time_is_said_as_people_do(span, words):
    assert in_words(span) == words


def test_a_zone_that_depends_on_the_machine_is_not_known():
    assert {"UTC", "Europe/Berlin", "Asia/Kathmandu", "GMT"} <= known_zones()
    assert not {"localtime", "Factory", "posixrules"} & known_zones()


# ── When to look ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("groups", "until", "instant"),
    [
        ([], "2026-01-15 12:00", None),
        ([(12, "UTC", EVERY_DAY)], "2026-01-15 12:00", "2026-01-15 12:00"),
        ([(12, "UTC", EVERY_DAY)], "2026-01-15 11:59", "2026-01-14 12:00"),
        ([(7, "UTC", EVERY_DAY), (11, "UTC", EVERY_DAY)], "2026-01-15 12:00", "2026-01-15 11:00"),
        ([(17, "Asia/Kolkata", EVERY_DAY)], "2026-01-15 12:00", "2026-01-15 11:30"),
        ([(1, "Pacific/Kiritimati", EVERY_DAY)], "2026-01-15 12:00", "2026-01-15 11:00"),
        ([(12, "UTC", frozenset({4}))], "2026-01-15 12:00", None),  # Fridays; it is Thursday
        ([(2, "Europe/Berlin", EVERY_DAY)], "2026-03-29 01:00", "2026-03-29 01:00"),
    ],
)
def test_the_last_instant_at_which_somebody_is_due(groups, until, instant):
    assert last_due(groups, utc(until)) == (utc(instant) if instant else None)


@pytest.mark.parametrize(
    ("papers_ago", "others_ago", "due_in", "expected"),
    [
        (60, 1, None, Look.FULL),  # it is time
        (1, 60, None, Look.FULL),  # for the others
        (None, 1, None, Look.FULL),  # a source that was never looked at
        (-1, 1, None, Look.FULL),  # the clock was set back
        (59, 59, None, Look.NONE),
        (59, 59, 5, Look.BRIEF),
        (4, 59, 5, Look.NONE),  # within the lead: votes are fresh
        (6, 59, 3, Look.BRIEF),
        (6, 59, 1, Look.BRIEF),
        (6, 59, 0, Look.BRIEF),
        (6, 59, -1, Look.NONE),  # that was looked at in time: five minutes before
        (30, 59, -20, Look.BRIEF),  # down at the hour
        (20, 59, -20, Look.NONE),
        (59, 1, 5, Look.BRIEF),  # what tells more is not asked for it
    ],
)
def test_what_is_looked_at_now(papers_ago, others_ago, due_in, expected):
    ago = {"papers": papers_ago, "others": others_ago}
    looked = {n: None if m is None else NOON - m * MINUTE for n, m in ago.items()}
    due = None if due_in is None else NOON + due_in * MINUTE
    off = Look.FULL if expected is Look.FULL else Look.NONE
    for lead, found in ((5 * MINUTE, expected), (timedelta(), off)):
        asked = {"every": HOUR, "lead": lead, "mailed": lambda: due}
        assert look_due(looked, ["papers"], NOON, **asked) is found


def test_without_a_source_of_papers_nothing_is_fresh():
    asked = {"every": HOUR, "lead": 5 * MINUTE, "mailed": lambda: NOON}
    assert look_due({}, [], NOON, **asked) is Look.NONE
