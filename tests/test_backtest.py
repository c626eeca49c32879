"""Recorded days again: nothing later leaks, nothing twice, and the figures are rankeval's."""

import csv
import gzip
import math
import random
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from make import HOUR, NOON, harvest, paper, paper_id, signal
from recorded_days import COLUMNS, SHARED, files, votes, write
from typer.testing import CliRunner

from digest.backtest import (
    BASELINES,
    Interval,
    Judge,
    by_formula,
    by_score,
    chart,
    fresh,
    history,
    hours,
    judge,
    learning,
    read,
    replay,
)
from digest.backtest.metrics import METRICS, interval
from digest.backtest.replay import Placed
from digest.cli.main import cli
from digest.errors import ConfigError, InputError
from digest.ranking import Formula, Guards
from digest.settings import load, resource
from digest.settings.formula import formula

RANKEVAL = SHARED.parents[1] / "tools" / "rankeval" / "rankeval.py"


def shipped(**over):
    """The formula as it is shipped."""
    return replace(formula(load(environ={}).ranking, resource("config")), **over)


def run(recorded, chosen=None):
    """The run of a formula over those days."""
    return replay(recorded.days, by_formula(chosen or shipped()))


@pytest.fixture
def recorded(tmp_path):
    """Twelve invented days."""
    return read(*files(tmp_path))


# ── Nothing later is visible ─────────────────────────────────────────────────────────────────────


def later_changed(rows, cut, dice):
    """The rows with everything after ``cut`` changed, and every truth."""
    for row in rows:
        changed = dict(row) | {"final_upvotes": dice.randrange(1000)}
        if row["day"] > cut:
            changed["upvotes_at_T"] = dice.randrange(1000)
            changed["prev_upvotes"], changed["prev_seen_at"] = 3, row["digest_at"]
            changed["comments_at_T"] = dice.randrange(9)
            changed["age_hours_when_seen"] = dice.uniform(0, 5)
        yield changed


@pytest.mark.parametrize("exploration", [False, True])
def test_changing_any_later_value_changes_no_pick(tmp_path, exploration):
    rows, (_, texts) = votes(), files(tmp_path)
    chosen = shipped(guards=replace(shipped().guards, exploration=exploration))
    known = run(read(write(tmp_path / "a.csv", rows, COLUMNS), texts), chosen)
    dice = random.Random(5)  # noqa: S311 - the same every time
    for cut in sorted({row["day"] for row in rows})[:-1:3]:
        other = list(later_changed(rows, cut, dice))
        found = run(read(write(tmp_path / "b.csv", other, COLUMNS), texts), chosen)
        for kind in ("ten", "five", "batch"):
            upto = [day for day in getattr(known, kind) if day <= cut]
            assert [getattr(found, kind)[day] for day in upto] == [
                getattr(known, kind)[day] for day in upto
            ]
        assert found.ten != known.ten  # and what is later does matter later


def test_the_truth_is_seen_by_nobody(tmp_path):
    given, texts = files(tmp_path)
    rows = votes()
    blind = [{k: v for k, v in row.items() if k != "final_upvotes"} for row in rows]
    without = read(write(tmp_path / "blind.csv", blind), texts)
    assert without.blind
    assert run(without) == run(read(given, texts))
    most = max(float(r["upvotes_at_T"]) for r in rows if r["paper_id"] == paper_id(0))
    assert without.final[paper_id(0)] == most


def test_a_model_fitted_on_the_past_is_fitted_on_the_past(tmp_path, monkeypatch):
    seen = []

    def fit(rows):
        seen.append(max(row.at for row in rows))
        return {"features": ["votes"], "trees": [[0, 1.0, 0.0, -0.1, 0.1]]}

    monkeypatch.setattr(learning, "fit", fit)
    recorded = read(*files(tmp_path, days=60, a_day=4))
    chosen = learning.rolling(recorded, Formula())
    used = [chosen(number) for number in range(60)]
    assert [one.model is None for one in used] == [True] * 29 + [False] * 31
    starts = [n for n in range(1, 60) if used[n].model != used[n - 1].model or n % 14 == 29 % 14]
    for number, newest in zip([n for n in starts if n >= 29], seen, strict=False):
        assert newest <= recorded.days[number].at - timedelta(days=10)


# ── The recorded days themselves ─────────────────────────────────────────────────────────────────


@pytest.fixture(scope="session")
def given():
    """The recorded days of the shared folder."""
    if not SHARED.exists():
        pytest.skip("no recorded days: ../shared/data/ranking is not in this checkout")
    return read(SHARED / "votes.csv.gz", SHARED / "papers.csv.gz")


@pytest.fixture(scope="session")
def given_run(given):
    """The shipped ranking over them."""
    return run(given)


@pytest.mark.parametrize(
    ("baseline", "figures"),
    [  # of its README
        ("Hacker News gravity 1.8", [0.920, 0.863, 0.805, 0.871]),
        ("Reddit hot", [0.896, 0.850, 0.744, 0.882]),
        ("newest first", [0.585, 0.353, 0.303, 0.362]),
        ("empirical-Bayes velocity", [0.925, 0.875, 0.872, 0.918]),
        ("a half-life of two days", [0.946, 0.922, 0.895, 0.931]),
    ],
)
def test_the_baselines_have_the_figures_of_rankeval(given, baseline, figures):
    found = replay(given.days, by_score(BASELINES[baseline]))
    measured = judge({"it": Judge(given).measure(found)})["it"]
    assert [measured[metric].value for metric in METRICS] == pytest.approx(figures, abs=0.0015)


def test_the_shipped_ranking_is_better_than_raw_votes_gravity_and_the_closed_form(given, given_run):
    truth = Judge(given)
    measured = {"it": truth.measure(given_run), "closed": truth.measure(run(given, Formula()))}
    for name in ("raw upvotes", "Hacker News gravity 1.8"):
        measured[name] = truth.measure(replay(given.days, by_score(BASELINES[name])))
    for name in list(measured)[1:]:
        assert min(one.low for one in judge(measured, name)["it"].values()) > 0, name
    assert judge(measured)["it"]["timely@10"].value > 0.955


def test_rankeval_accepts_the_picks(given, given_run, tmp_path):
    pytest.importorskip("pandas", reason="rankeval needs pandas")
    for kind, chosen in (("ten", given_run.ten), ("batch", given_run.batch)):
        with (tmp_path / kind).open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(("day", "rank", "paper_id"))
            for day, names in chosen.items():
                table.writerows((day, place, name) for place, name in enumerate(names, 1))
    options = ("--votes", SHARED / "votes.csv.gz", "--picks", tmp_path / "ten")
    command = [sys.executable, RANKEVAL, *options, "--batch-order", tmp_path / "batch"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(given.days) == 314


def test_no_pick_of_the_given_days_changes_with_what_is_later(given, given_run):
    cut, end = 240, 250  # late in the file, where most is known of a paper
    days = [
        day if number < cut else replace(day, candidates=day.candidates[::2])
        for number, day in enumerate(given.days[:end])
    ]
    found = replay(days, by_formula(shipped()))
    names = [day.name for day in given.days[:cut]]
    assert [found.ten[day] for day in names] == [given_run.ten[day] for day in names]
    assert found.ten != given_run.ten


def test_the_given_days_without_their_truth_are_ranked_alike(given_run, tmp_path):
    with gzip.open(SHARED / "votes.csv.gz", "rt", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["day"] < "2024-08"]
    blind = [name for name in rows[0] if name not in {"final_upvotes", "has_late_truth"}]
    votes = write(tmp_path / "blind.csv", rows, blind)  # as `rankeval blind` leaves it
    found = run(read(votes, SHARED / "papers.csv.gz"))
    assert len(found.ten) == 43
    for kind in ("ten", "five", "batch"):
        picks = getattr(given_run, kind)
        assert getattr(found, kind) == {day: picks[day] for day in found.ten}


def test_papers_without_votes_are_told_apart_by_authors_and_text(given):
    papers = fresh.examples(SHARED / "arxiv_days.csv.gz", given)
    tried = fresh.trial(papers)
    assert tried.ndcg > 0.4
    assert tried.auc > 0.85
    assert tried.pooled > 0.85


# ── Picks ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "order",
    [
        by_formula(Formula()),
        by_formula(shipped()),
        by_formula(shipped(guards=Guards(exploration=True, per_submitter=1))),
        *(by_score(score) for score in BASELINES.values()),
    ],
)
def test_no_paper_is_picked_twice_and_every_pick_is_a_candidate(recorded, order):
    found = replay(recorded.days, order)
    for picks, size in ((found.ten, 10), (found.five, 5)):
        sent = [name for names in picks.values() for name in names]
        assert len(sent) == len(set(sent))
        assert {len(names) for names in picks.values()} == {size}
    for day in recorded.days:
        there = {candidate.paper.id for candidate in day.candidates}
        assert set(found.ten[day.name]) <= there
        assert sorted(found.batch[day.name]) == sorted(day.batch)


def test_votes_alone_are_a_baseline_s_order(recorded):
    day = recorded.days[-1]
    order = [one.name for one in by_score(BASELINES["raw upvotes"])(0, day)]
    count = {c.paper.id: c.signals[-1].value for c in day.candidates}
    votes_of = {c.paper.id: s.value for c in day.candidates for s in c.signals if s.name == "votes"}
    assert [votes_of[name] for name in order] == sorted(votes_of.values(), reverse=True)
    assert set(order) == set(count)


def test_what_is_chosen_is_shown_by_what_is_expected_of_it(recorded):
    def order(_number, day):
        places = enumerate(day.candidates[::-1])
        return [Placed(c.paper.id, -place, 3.0 * place) for place, c in places]

    def lasting(_number, day):
        return [one._replace(freshness=0.0) for one in order(0, day)]

    upside_down = replay(recorded.days, order)
    for day in recorded.days:
        places = {one.name: one.expected for one in order(0, day)}
        for names in (upside_down.ten[day.name], upside_down.five[day.name]):
            assert [places[name] for name in names] == sorted(map(places.get, names), reverse=True)
    assert upside_down.ten != replay(recorded.days, lasting).ten


# ── Judging ──────────────────────────────────────────────────────────────────────────────────────


def test_the_clairvoyant_has_everything(recorded):
    truth = Judge(recorded)

    def oracle(_number, day):
        first, final = recorded.first, recorded.final

        def worth(name):
            delay = (day.at - first[name]).total_seconds() / 86_400
            return math.log(final[name] + 0.5) - math.log(2) * delay

        names = sorted((c.paper.id for c in day.candidates), key=worth, reverse=True)
        return [Placed(name) for name in names]

    figures = judge({"it": truth.measure(replay(recorded.days, oracle))})["it"]
    assert figures["timely@10"] == Interval(1, 1, 1)
    assert figures["timely@5"].value == pytest.approx(1)
    assert figures["batch nDCG@10"].value == pytest.approx(1)


@pytest.mark.parametrize(
    ("pairs", "minus", "expected"),
    [
        ([(1, 2), (3, 6)], None, (0.5, 0.5, 0.5)),  # a share of sums; the same every day
        ([(1, 2), (math.nan, 1)], None, (0.5, 0.5, 0.5)),  # a day that says nothing
        ([(2, 2), (6, 6)], [(1, 2), (3, 6)], (0.5, 0.5, 0.5)),  # a difference, day by day
        ([(0, 0)], None, (0, 0, 0)),  # nothing to gain
    ],
)
def test_an_interval_is_drawn_over_days(pairs, minus, expected):
    assert interval(pairs, minus) == Interval(*expected)


def test_an_interval_of_nothing_is_no_number():
    assert math.isnan(interval([]).value)
    assert interval([(0, 1), (1, 1)] * 20).low < 0.5 < interval([(0, 1), (1, 1)] * 20).high


# ── Files ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("day,paper_id\n", "no column digest_at"),
        (",".join(COLUMNS) + "\n", "no rows"),
        (",".join(COLUMNS) + "\n2026-01-01,x,1,1,,,1,1,1\n", "'x' is not an instant"),
        (",".join(COLUMNS) + "\n2026-01-01,2026-01-01T00:00:00Z,1,1,,,x,1,1\n", "not a number"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, reason):
    path = tmp_path / "votes.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=reason):
        read(path)


@pytest.mark.parametrize("name", ["absent.csv", "broken.csv.gz"])
def test_a_file_that_is_no_file_is_named(tmp_path, name):
    (tmp_path / "broken.csv.gz").write_bytes(b"\x1f\x8bnothing")
    with pytest.raises(InputError, match=name):
        read(tmp_path / name)


def test_packed_and_plain_files_are_the_same(tmp_path):
    plain, texts = files(tmp_path)
    packed = tmp_path / "votes.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read(packed, texts) == read(plain, texts)


def test_days_without_texts_are_ranked_on_votes_alone(tmp_path):
    given, _ = files(tmp_path)
    assert len(run(read(given)).ten) == 12


# ── The command ──────────────────────────────────────────────────────────────────────────────────


def command(*words):
    """What the command says, and its exit code."""
    done = CliRunner().invoke(cli, [str(word) for word in words])
    return done.output, done.exit_code


def test_the_command_writes_picks_orders_a_drawing_and_a_table(tmp_path):
    given, texts = files(tmp_path)
    out = {name: tmp_path / name for name in ("picks", "five", "order", "svg", "md")}
    said, code = command(
        "backtest", given, "--papers", texts, "--picks", out["picks"], "--picks-5", out["five"],
        "--batch-order", out["order"], "--svg", out["svg"], "--markdown", out["md"], "--compare",
    )  # fmt: skip
    assert code == 0, said
    assert "Hacker News gravity" in said
    with out["picks"].open() as file:
        rows = list(csv.DictReader(file))
    assert [list(rows[0]), len(rows)] == [["day", "rank", "paper_id"], 120]
    assert out["order"].read_text().count("\n") == 1 + 12 * 18
    assert out["five"].read_text().count("\n") == 1 + 12 * 5
    assert ET.fromstring(out["svg"].read_text()).tag.endswith("svg")  # noqa: S314 - our own
    table = out["md"].read_text()
    assert "| only exploration |" in table
    assert "| ranking (settings) |" in table


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("backtest",), "name a file"),
        (("backtest", "absent.csv"), "absent.csv"),
        (("backtest", "{votes}", "--picks", "/nowhere/at/all"), "cannot write"),
        (("learn", "--out", "x"), "name a file"),
    ],
)
def test_the_command_says_what_it_needs(tmp_path, words, reason):
    given, _ = files(tmp_path)
    done = CliRunner().invoke(cli, [word.format(votes=given) for word in words])
    assert isinstance(done.exception, InputError)
    assert reason in str(done.exception)


def test_without_the_extra_learning_says_what_to_install(recorded, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ConfigError, match="pip install 'lightgbm"):
        learning.fit(learning.examples(recorded))


def test_what_is_learned_ranks_and_is_kept_only_where_it_is_better(tmp_path):
    pytest.importorskip("lightgbm", reason="the extra digest[learn] is not installed")
    given, texts = files(tmp_path, days=70, a_day=18)
    out = tmp_path / "model.json"
    out.write_text("of yesterday")
    said, code = command("learn", given, "--papers", texts, "--out", out)
    assert code == 0, said
    assert out.exists() is ("Not better" not in said)


# ── The own store ────────────────────────────────────────────────────────────────────────────────


def test_the_own_history_is_replayed_as_it_was(store):
    for number in range(3):
        at = NOON - (3 - number) * 24 * HOUR
        seen = (signal(number + 1, paper_id=paper_id(number), at=at),)
        store.papers.keep(harvest(paper(number), signals=seen), at)
    late = (signal(50, paper_id=paper_id(0), at=NOON),)
    store.papers.keep(harvest(signals=late), NOON)
    found = history.from_store(store, NOON, days=4, hour=12, window=timedelta(days=7))
    assert [len(day.candidates) for day in found.days] == [1, 2, 3, 3]
    assert found.days[0].candidates[0].signals[-1].value == 1
    assert found.final[paper_id(0)] == 50
    assert [len(day.batch) for day in found.days] == [1, 1, 1, 0]
    assert found.first[paper_id(1)] == NOON - 48 * HOUR


def test_an_empty_store_has_no_history(store):
    with pytest.raises(InputError, match="no papers with votes"):
        history.from_store(store, NOON, days=4, hour=12, window=timedelta(days=7))


# ── The hour of the cut ──────────────────────────────────────────────────────────────────────────


def snapshots(path, days=20, papers=15):
    """Looks at 7 and 24 h: at the first one, two of the ten best are not among the ten best."""
    rows = []
    for day in range(1, days + 1):
        date = f"2026-01-{day:02d}"
        for number in range(papers):
            early = 0 if number in {0, 1} else 50 - number
            for at, count in ((f"{date}T07:30:00Z", early), (f"{date}T23:59:00Z", 100 - number)):
                look = {"snapshot_at": at, "daily_date": date, "upvotes": count}
                rows.append(look | {"paper_id": f"{day}.{number}"})
    return write(Path(path), rows)


def test_the_share_of_the_top_ten_is_measured_by_the_hour(tmp_path):
    (found,) = hours.measure(snapshots(tmp_path / "s.csv"))
    # The last look of a day is not judged by itself.
    assert (found.hour, found.days, found.share) == (7, 20, pytest.approx(0.8))


def test_hours_with_few_days_are_not_shown(tmp_path):
    assert hours.measure(snapshots(tmp_path / "s.csv", days=19)) == ()


def test_the_command_measures_the_hours_and_draws_them(tmp_path):
    svg = tmp_path / "hours.svg"
    said, code = command("backtest", "--snapshots", snapshots(tmp_path / "s.csv"), "--svg", svg)
    assert code == 0, said
    assert "80.0%" in said
    assert "80%" in svg.read_text()


def test_names_in_a_drawing_are_text():
    figure = dict.fromkeys(METRICS, Interval(0.5, 0.4, 1.2))
    drawn = chart.comparison({"<b>&": figure}, "a < b")
    assert "<b>" not in drawn
    assert ET.fromstring(drawn) is not None  # noqa: S314 - our own
