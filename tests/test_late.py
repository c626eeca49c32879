"""Slow burners measured: from looks at the list, at several bars."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from recorded_days import write
from typer.testing import CliRunner

from digest.backtest import late, snapshots
from digest.cli.main import cli
from digest.errors import InputError
from digest.ranking import Burners, Formula

FRIDAY = datetime(2026, 1, 16, 5, tzinfo=UTC)
WEEK = timedelta(days=7)
BAR = Burners(days=2, top=3, best=40)
# Votes of the looks on Friday at 6 and at the next three midnights, and of one two days later.
GROWTH = {
    "first": (90, 120, 130, 140, 150),  # stood high: no slow burner, whatever comes
    "second": (80, 100, 110, 150, 160),
    "third": (70, 90, 100, 130, 140),
    "steady": (10, 20, 24, 28, 30),
    "late": (1, 3, 8, 20, 60),  # 12 of 20 on the second day, 5 of 8 on the day before
    "later": (1, 4, 5, 6, 80),  # when it was noticed nobody looked
    "once": (2, 5, None, None, None),
}


def looks(path, growth=GROWTH, **over):
    """A file of those looks."""
    midnight = datetime(2026, 1, 17, tzinfo=UTC)
    day = timedelta(days=1)
    instants = [FRIDAY + timedelta(hours=1), *(midnight + n * day for n in (0, 1, 2, 4))]
    found = [
        {
            "snapshot_at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "paper_id": name,
            "daily_date": "2026-01-16" if at < midnight else "",
            "submitted_at": f"{FRIDAY:%Y-%m-%dT%H:%M:%SZ}" if at < midnight else "",
            "upvotes": votes,
            "title": f"Paper {name}",
        }
        | over
        for name, counts in growth.items()
        for at, votes in zip(instants, counts, strict=True)
        if votes is not None
    ]
    return write(path, sorted(found, key=lambda row: (row["snapshot_at"], row["paper_id"])))


@pytest.fixture
def recorded(tmp_path):
    return snapshots.read(looks(tmp_path / "looks.csv"), hour=8, window=WEEK)


def found(recorded, bar=BAR):
    """What crosses, by the bar's two numbers."""
    measured = late.measure(recorded, Formula(burners=bar))
    return {(one.bar.votes, one.bar.share): one for one in measured}


def test_a_day_holds_what_had_been_seen_when_it_was_cut(recorded):
    days = {day.name: day for day in recorded.days}
    assert next(iter(days)) == "2026-01-16"
    assert len(days["2026-01-16"].batch) == len(GROWTH)
    assert days["2026-01-17"].batch == frozenset()
    for day in recorded.days:
        assert all(signal.at <= day.at for one in day.candidates for signal in one.signals)
        assert all(day.at - one.seen_at < WEEK for one in day.candidates)
    assert recorded.final == {name: max(filter(None, v)) for name, v in GROWTH.items()}


def test_who_crosses_is_counted_once_and_judged_by_its_end(recorded):
    at = found(recorded)
    # "late" crosses five votes on Sunday already, "once" is counted no more.
    assert (at[5, 0.5].papers, at[5, 0.5].votes, at[5, 0.5].final) == (1, 8, 60)
    assert (at[10, 0.5].papers, at[10, 0.5].votes, at[10, 0.5].growth) == (1, 20, 3)
    assert at[15, 0.2].papers == 0
    assert at[0, 0.0].papers == 3  # steady, late, later
    assert at[10, 0.5].weekly == 1 / 2  # Sunday ends a week


def test_what_days_without_looks_hide_is_bounded(recorded):
    at = found(recorded)
    # Since they were new: "late" gained 57 of 60, "later" 76 of 80, "steady" 10 of 30.
    assert [at[votes, 0.5].most for votes in (10, 20)] == [2, 2]
    assert [at[votes, 0.3].most for votes in (10, 20)] == [3, 2]
    assert all(one.most >= one.weekly for one in at.values())


def test_who_stood_high_or_is_not_among_the_best_is_none(recorded):
    assert found(recorded, replace(BAR, top=0))[15, 0.2].papers == 2  # second, third
    assert found(recorded, replace(BAR, best=3))[5, 0.2].papers == 0
    assert found(recorded, replace(BAR, days=4))[10, 0.5].papers == 0


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"daily_date": "", "submitted_at": ""}, "no paper with the day of its listing"),
        ({"upvotes": "many"}, "could not convert"),
        ({"snapshot_at": "noon"}, "noon"),
    ],
)
def test_a_file_that_says_too_little_is_named(tmp_path, over, reason):
    path = looks(tmp_path / "looks.csv", **over)
    with pytest.raises(InputError, match=reason) as error:
        snapshots.read(path, hour=8, window=WEEK)
    assert "looks.csv" in str(error.value)


def test_the_command_prints_a_row_for_every_bar(tmp_path):
    path = looks(tmp_path / "looks.csv")
    done = CliRunner().invoke(cli, ["backtest", "--burners", "--snapshots", str(path)])
    assert done.exit_code == 0, done.output
    rows = [line.split("│")[1:4] for line in done.output.splitlines() if "votes" in line]
    assert len([row for row in rows if row and "%" in row[1]]) == 15
    assert "all of them" in done.output


def test_the_command_needs_looks_or_a_store():
    done = CliRunner().invoke(cli, ["backtest", "--burners"])
    assert isinstance(done.exception, InputError)
