"""Learning with its library: from a store, in a process of its own, into the next edition."""

import asyncio
import math
import random
from dataclasses import replace
from datetime import timedelta
from statistics import fmean

import pytest
from conftest import absent
from installation import installed
from make import DAY, HOUR, NOON, harvest, paper, paper_id, signal
from recorded_days import files

from digest.backtest import learning, read
from digest.errors import ConfigError
from digest.nightly import Nightly
from digest.scheduler import Scheduler

NIGHT = NOON.replace(hour=3)
DAYS, A_DAY = 60, 24
FEW, MANY = 5.0, 50_000.0  # followers


@pytest.fixture(scope="module", autouse=True)
def _library():
    try:
        learning.library()
    except ConfigError as error:
        absent(str(error))


def remember(store, factor):
    """A history: papers of people with few followers end with ``factor`` times as many votes.

    The shipped model knows it the other way round. Each paper is looked at on four days; on the
    first its votes tell nothing of that. The ids of those papers are given back.
    """
    dice = random.Random(7)  # noqa: S311 - the same every time
    about = [(dice.choice([FEW, MANY]), dice.lognormvariate(2.5, 0.8)) for _ in range(DAYS * A_DAY)]
    for day in range(DAYS):
        at = NIGHT + HOUR - (DAYS - 1 - day) * DAY
        numbers = range(max(0, day - 3) * A_DAY, (day + 1) * A_DAY)
        signals = []
        for number in numbers:
            followers, usual = about[number]
            grown = 1.0 if number // A_DAY == day else 2.0 * (factor if followers == FEW else 1.0)
            known = {"votes": int(usual * grown), "followers": followers}
            about_it = {"paper_id": paper_id(number), "at": at}
            signals += [signal(value, name=name, **about_it) for name, value in known.items()]
        papers = [paper(number, source="huggingface") for number in numbers]
        store.papers.keep(harvest(*papers, signals=tuple(signals)), at)
    return {paper_id(number) for number, one in enumerate(about) if one[0] == FEW}


@pytest.fixture
def night(store_url, tmp_path, monkeypatch):
    """An installation that learns at night, and where it keeps its model.

    The process that it starts knows the settings from the environment.
    """
    model = tmp_path / "var" / "ranking.json"
    ranking = {"learn": True, "model": str(model), "learn_days": DAYS}
    monkeypatch.setenv("DIGEST_DATABASE_URL", store_url)
    for name, value in ranking.items():
        monkeypatch.setenv(f"DIGEST_RANKING__{name.upper()}", str(value))
    with installed(store_url, now=NIGHT + 5 * HOUR, ranking=ranking) as house:
        yield house, model


def learn(house):
    """What the scheduler says of its night."""
    return asyncio.run(Scheduler(house.app).learn())


def test_what_a_night_learned_ranks_the_next_edition(night, caplog):
    house, model = night
    few = remember(house.store, factor=6.0)
    before, _ = house.app.daily.draft(house.now)
    said = learn(house)
    assert said.startswith(f"{model}: made by `digest learn` from 50 days up to 2026-01-05, timely")
    assert said.count("[+0.") == 2  # an interval above zero against each rival
    assert "fitted on the past only" in Nightly(house.app.settings).status().said
    after, _ = house.app.daily.draft(house.now)
    assert _worth(after, few) > 0 > _worth(before, few)
    for item in after.items:
        assert sum(term.value for term in item.terms) == pytest.approx(math.log(item.score))
    assert caplog.messages == []


def _worth(edition, few):
    """By how much its receipts say more for papers of few followers than for others."""
    said = {True: [], False: []}
    for item in edition.items:
        said[item.paper.id in few] += [t.value for t in item.terms if t.name == "people"]
    return fmean(said[True]) - fmean(said[False])


@pytest.mark.parametrize("engine", ["sqlite"])
def test_where_nothing_better_is_learned_the_former_model_goes(night, engine):  # noqa: ARG001
    house, model = night
    remember(house.store, factor=1.0)
    model.parent.mkdir()
    model.write_text('{"model": {"features": ["votes"], "trees": [9.0]}}')
    house.app.learned()
    former, _ = house.app.daily.draft(house.now)
    said = learn(house)
    assert said.startswith("Not better, timely@10 ")
    assert said.endswith(f"No {model}: editions are ranked without it.")
    assert not model.exists()
    assert house.app.daily.draft(house.now)[0].items[0].score < former.items[0].score / 100


@pytest.mark.parametrize("engine", ["sqlite"])
def test_few_days_are_not_judged_and_that_is_no_failure(night, engine):  # noqa: ARG001
    house, model = night
    house.store.papers.keep(harvest(paper(), signals=(signal(3.0, at=NIGHT - DAY),)), NIGHT - DAY)
    said = learn(house)
    assert said == (
        f"Too few days: 0 of 49 have an outcome. No {model}: editions are ranked without it."
    )


def test_the_forest_says_without_the_library_what_the_library_says(tmp_path):
    rows = learning.examples(read(*files(tmp_path, days=40)))
    forest = learning.forest(learning.fit(rows))
    theirs = [
        one.predict([row.known for row in rows], raw_score=True) for one in learning.boosters(rows)
    ]
    ours = [forest.base + sum(forest.parts(row.known)) for row in rows]
    assert ours == pytest.approx([fmean(column) for column in zip(*theirs, strict=True)], abs=2e-3)
    assert max(ours) - min(ours) > 0.1


def test_nothing_is_learned_from_days_without_an_outcome(tmp_path):
    recorded = read(*files(tmp_path, days=40))
    assert learning.settled(recorded) == recorded  # the file tells how they ended
    blind = replace(recorded, blind=True)
    last = learning.settled(blind).days[-1].at
    assert recorded.days[-1].at - last == timedelta(days=10)
