"""Learning at night: once, alone, in a process of its own, and a failure is a line."""

import asyncio
import json
import logging
import sys

import pytest
from filelock import FileLock
from installation import installed, settings
from make import DAY, HOUR, NOON
from typer.testing import CliRunner

from digest.cli.main import cli
from digest.errors import ConfigError
from digest.nightly import LearningError, Nightly
from digest.scheduler import Scheduler

NIGHT = NOON.replace(hour=3)


def says(words, code=0):
    """A command that says something and ends like that."""
    return [sys.executable, "-c", f"print({words!r}); raise SystemExit({code})"]


@pytest.fixture
def model(tmp_path):
    return tmp_path / "var" / "ranking.json"


@pytest.fixture
def nightly(model, monkeypatch):
    """One that thinks the library is there: what it runs is the test's own."""
    monkeypatch.setattr(Nightly, "check", lambda _: None)
    return night(model)


def night(model, **over):
    ranking = {"learn": True, "model": str(model), **over}
    return Nightly(settings("sqlite://", ranking=ranking))


def learn(one, now=NIGHT, command=None):
    return asyncio.run(one.learn(now, command or says("kept")))


@pytest.mark.parametrize(
    ("now", "zone", "due"),
    [
        (NIGHT, "UTC", True),
        (NIGHT - HOUR, "UTC", False),
        (NIGHT + 15 * HOUR, "UTC", True),  # down at night: later the same day
        (NIGHT - HOUR, "Europe/Berlin", True),
        (NIGHT, "America/New_York", True),  # 22:00 of the day before, which had no night yet
    ],
)
def test_it_is_due_from_its_hour_on_where_the_operator_lives(model, now, zone, due):
    ranking = {"learn": True, "model": str(model)}
    chosen = settings("sqlite://", ranking=ranking, schedule={"zone": zone})
    assert Nightly(chosen).is_due(now) is due


def test_it_learns_once_a_night_and_keeps_what_was_said(nightly, model):
    said = "a table of figures\nvar/ranking.json: made by `digest learn`"
    assert learn(nightly, command=says(said)) == "var/ranking.json: made by `digest learn`"
    assert learn(nightly, NIGHT + HOUR) == ""
    assert nightly.status().said.splitlines() == said.splitlines()
    assert str(nightly.status()).startswith("2026-01-15T03:00:00+00:00: var/ranking.json: made")
    assert learn(night(model), NIGHT + HOUR) == ""  # nor does another process
    assert learn(nightly, NIGHT + DAY) == "kept"


def test_a_failure_is_a_line_and_leaves_the_model_as_it_was(nightly, model):
    model.parent.mkdir()
    model.write_text("of yesterday")
    with pytest.raises(LearningError, match=r"failed \(3\): no papers with votes"):
        learn(nightly, command=says("no papers with votes", 3))
    assert nightly.status().outcome == "failed (3): no papers with votes"
    assert model.read_text() == "of yesterday"
    assert learn(nightly, NIGHT + HOUR) == ""  # not again before the next night


def test_a_program_that_cannot_be_started_is_a_line(nightly):
    with pytest.raises(LearningError, match="failed"):
        learn(nightly, command=["/nowhere/at/all"])


def test_two_never_learn_at_once(nightly, model):
    model.parent.mkdir()
    with FileLock(f"{model}.lock"):
        assert learn(nightly) == ""
    assert learn(nightly) == "kept"


def test_a_night_that_was_broken_off_is_not_begun_again(nightly):
    async def broken_off():
        slow = [sys.executable, "-c", "import threading; threading.Event().wait(60)"]
        task = asyncio.create_task(nightly.learn(NIGHT, slow))
        while nightly._process is None:  # noqa: ASYNC110 - it is being started
            await asyncio.sleep(0)
        nightly.stop()
        await task

    with pytest.raises(LearningError, match="it said nothing"):
        asyncio.run(broken_off())
    assert learn(nightly, NIGHT + HOUR) == ""


@pytest.mark.parametrize("content", ["", "[]", '{"at": 7}', '{"at": "never"}', '{"what": 1}', "\0"])
def test_a_status_that_cannot_be_read_is_none(nightly, model, content):
    model.parent.mkdir()
    model.with_name("ranking.json.status.json").write_text(content)
    assert learn(nightly) == "kept"
    assert json.loads(model.with_name("ranking.json.status.json").read_text())["outcome"] == "kept"


def test_without_its_library_it_says_what_to_install(model, monkeypatch):
    monkeypatch.setattr("digest.nightly.find_spec", lambda _: None)
    with pytest.raises(LearningError, match=r"lightgbm is missing: pip install 'lightgbm>=4.6'"):
        learn(night(model))
    with pytest.raises(ConfigError, match="lightgbm is missing"):
        night(model).check()
    night(model, learn=False).check()


def test_what_it_learns_needs_a_file():
    with pytest.raises(ConfigError, match="learn needs a file for its model"):
        settings("sqlite://", ranking={"learn": True})


# ── The scheduler, and the command ───────────────────────────────────────────────────────────────


def scheduled(url, model, caplog, **over):
    """What the scheduler says of its jobs until it has said something of the night."""
    caplog.set_level(logging.INFO)
    with installed(url, now=NIGHT, ranking={"learn": True, "model": str(model), **over}) as house:
        before = house.app.daily

        async def main():
            scheduler = Scheduler(house.app)
            scheduler.start()
            for _ in range(500):
                if any("job=learn" in one.getMessage() for one in caplog.records):
                    break
                await asyncio.sleep(0.02)
            await scheduler.stop()

        asyncio.run(main())
        said = [one.getMessage() for one in caplog.records if "job=learn" in one.getMessage()]
        return said, house.app.daily is before


def test_the_scheduler_learns_and_ranks_by_it_from_then_on(
    store_url, model, caplog, monkeypatch, nightly
):
    ours = nightly._alone

    async def learned(_, now, __):
        return await ours(now, says("a new model"))

    monkeypatch.setattr(Nightly, "_alone", learned)
    said, same = scheduled(store_url, model, caplog)
    assert said == ["job=learn a new model"]
    assert not same  # the day is built anew, with the model that is there now


def test_where_it_fails_the_clock_goes_on(store_url, model, caplog, monkeypatch):
    monkeypatch.setattr("digest.nightly.find_spec", lambda _: None)
    said, same = scheduled(store_url, model, caplog)
    assert [one.partition(": pip")[0] for one in said] == [
        "job=learn failed: failed (-1): lightgbm is missing"
    ]
    assert same


def test_nobody_learns_who_was_not_asked_to(store_url, model):
    with installed(store_url, now=NIGHT) as house:
        assert not Scheduler(house.app)._nightly.wanted
    assert not model.parent.exists()


def test_the_command_shows_what_the_last_night_brought(nightly, model, monkeypatch):
    monkeypatch.setenv("DIGEST_RANKING__LEARN", "true")
    monkeypatch.setenv("DIGEST_RANKING__MODEL", str(model))
    none = CliRunner().invoke(cli, ["learn", "--status"])
    assert "No night has brought anything yet." in none.output
    learn(nightly, command=says("timely@10 +0.012 [+0.004, +0.020]\nkept"))
    shown = CliRunner().invoke(cli, ["learn", "--status"])
    assert (shown.exit_code, "2026-01-15T03:00:00+00:00: kept" in shown.output) == (0, True)
    assert "timely@10 +0.012" in shown.output
