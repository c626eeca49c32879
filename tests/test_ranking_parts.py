"""The parts of a score: the model, the guards, the cold start, the receipts, the hour."""

import itertools
import json
import math
import random
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make import DAY, HOUR, NOON, candidate, paper, paper_id, signal

from digest.errors import ConfigError
from digest.model import Earlier
from digest.ranking import Forest, Formula, Guards, Standing, rank, read
from digest.ranking.cold import FEATURES as COLD_FEATURES
from digest.ranking.cold import Cold, fit
from digest.ranking.features import FEATURES, Field
from digest.ranking.guards import owner_of
from digest.ranking.timing import MEASURED, capture
from digest.ranking.trees import parse
from digest.ranking.words import weigh, words_of
from digest.settings import load, resource
from digest.settings.formula import formula, origin

CONFIG = resource("config")
GUARDED = Guards(
    burst_votes_per_hour=20,
    single_source=0.8,
    per_organisation=2,
    per_submitter=2,
    exploration=True,
)


def shipped(**over):
    """The formula of the settings as they are shipped."""
    return formula(load(environ={}, ranking=over).ranking, CONFIG)


def voted(number, votes, *more, listed=NOON - 5 * HOUR, at=NOON, **links):
    """The n-th paper, listed then, with its votes of ``at`` and other signals."""
    about = {"paper_id": paper_id(number)}
    signals = [signal(name="listed", at=listed, **about)]
    if votes is not None:
        signals.append(signal(votes, at=at, **about))
    signals += [replace(one, paper_id=paper_id(number)) for one in more]
    pages = {kind: f"https://huggingface.co/{name}" for kind, name in links.items()}
    chosen = paper(number, links=pages)
    return candidate(number, paper=chosen, seen_at=listed, signals=tuple(signals))


def ranked(many, chosen, standing=None):
    """Items by the number of their paper."""
    found = rank(many, NOON, chosen, standing or Standing())
    return {int(item.paper.id[-5:]): item for item, _ in found}


def acts(item):
    """The terms of an item by name."""
    return {term.name: term for term in item.terms}


# ── Parts and their sum ──────────────────────────────────────────────────────────────────────────

COUNTS = st.one_of(st.none(), st.floats(-5, 1e9), st.just(math.nan), st.just(math.inf))
PEOPLE = st.sampled_from(["", "lab", "other"])


@st.composite
def candidates(draw):
    """A paper with any history."""
    number = draw(st.integers(0, 9999))
    about = {"paper_id": paper_id(number)}
    hours = st.integers(-5, 200)
    listed = NOON - draw(hours) * HOUR
    signals = [signal(name="listed", at=listed, **about)]
    for name in ("votes", "votes", "comments", "stars", "followers", "points"):
        value = draw(COUNTS)
        if value is not None:
            source = draw(st.sampled_from(["huggingface", "hackernews"]))
            at = NOON - draw(hours) * HOUR
            signals.append(signal(value, name=name, source=source, at=at, **about))
    links = {kind: f"https://h.co/{name}" for kind in ("organisation", "submitter")
             if (name := draw(PEOPLE))}  # fmt: skip
    authors = tuple(draw(st.lists(st.sampled_from(["Ada", "Ben", "Eve"]), max_size=4)))
    chosen = paper(number, links=links, authors=authors)
    return candidate(number, paper=chosen, seen_at=listed, signals=tuple(signals))


@settings(max_examples=40, deadline=None)
@given(many=st.lists(candidates(), max_size=25, unique_by=lambda one: one.paper.id))
def test_the_named_parts_of_every_score_sum_to_it(many):
    chosen = replace(shipped(), guards=GUARDED, weights={"points": 0.1})
    standing = Standing.of([Earlier(authors=("Ada",), votes=50)])
    found = list(rank(many, NOON, chosen, standing))
    assert [item.rank for item, _ in found] == list(range(1, len(many) + 1))
    scores = [item.score for item, _ in found]
    assert scores == sorted(scores, reverse=True)
    for item, _ in found:
        total = math.fsum(term.value for term in item.terms)
        assert item.score == pytest.approx(math.exp(total))
        assert len({term.name for term in item.terms}) == len(item.terms)
        assert item.why


def test_the_shipped_model_never_punishes_a_vote():
    chosen = shipped()
    for age in (1, 5, 20, 50):
        listed = NOON - age * HOUR
        scores = [ranked([voted(1, n, listed=listed)], chosen)[1].score for n in range(0, 300, 7)]
        # Beyond the limit of a burst they count nothing more, up to rounding.
        assert all(b >= a * (1 - 1e-9) for a, b in itertools.pairwise(scores))


def test_the_score_of_the_model_is_the_number_of_votes_expected_times_freshness():
    item = ranked([voted(1, 64)], shipped())[1]
    said = acts(item)["outlook"].text
    assert said == f"expected to reach about {item.score:,.0f} votes"


def test_papers_that_nobody_counts_are_not_corrected_by_the_model():
    assert "outlook" not in acts(ranked([voted(1, None)], shipped())[1])


def test_of_very_many_papers_the_model_looks_at_the_best():
    many = [voted(n, n % 1500) for n in range(3000)]
    looked = {n for n, item in ranked(many, shipped()).items() if "outlook" in acts(item)}
    # Two papers have each count; of those at the thousandth place both are looked at.
    assert looked == {n for n in range(3000) if n % 1500 >= 1000}


def test_a_paper_s_place_is_by_votes_age_and_lateness():
    readings = [
        read(voted(1, 20), NOON),
        read(voted(2, 20, listed=NOON - 20 * HOUR), NOON),  # the same votes took longer
        read(voted(3, 20, listed=NOON - 20 * DAY, at=NOON - 20 * DAY + 5 * HOUR), NOON),  # late
        read(voted(4, 30), NOON),
        read(voted(5, None), NOON),  # has no place
    ]
    field = Field.of(readings)
    assert [field.place(one) for one in readings[:4]] == [2, 3, 4, 1]


def test_how_a_paper_presents_itself_counts_for_one_with_votes_too():
    plain = ranked([voted(1, 9)], shipped())[1]
    project = ranked([voted(1, 9, signal(1, name="project"))], shipped())[1]
    assert "text" in acts(plain)
    assert acts(project)["project"].value > acts(plain)["project"].value
    assert project.why.endswith("project page")


def test_a_signal_the_model_knows_is_not_weighed_again():
    one = voted(1, 9, signal(3, name="comments"), signal(3, name="points"))
    weights = {"comments": 5.0, "points": 5.0}
    with_model = acts(ranked([one], shipped(weights=weights))[1])
    without = acts(ranked([one], shipped(weights=weights, model="closed"))[1])
    assert abs(with_model["comments"].value) < 1 < without["comments"].value
    assert with_model["points"] == without["points"]


# ── The forest ───────────────────────────────────────────────────────────────────────────────────

TREES = [
    [0, 1.0, 0.5, 0.1, [1, 2.0, 0.8, 0.6, 1.0]],
    [1, 5.0, 0.2, [0, 0.0, 0.0, -0.3, 0.3], 0.4],
    0.25,  # a tree that never asks
]


def plain(tree, values):
    """The same tree, walked as one would write it first."""
    while isinstance(tree, list):
        feature, threshold, _, left, right = tree
        tree = left if values[feature] <= threshold else right
    return tree


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=2))
def test_the_parts_of_a_forest_sum_to_its_prediction(values):
    forest = parse({"features": ["votes", "age"], "trees": TREES})
    expected = sum(plain(tree, values) for tree in TREES)
    assert forest.base + sum(forest.parts(values)) == pytest.approx(expected)


def test_a_step_belongs_to_the_feature_that_was_asked():
    forest = parse({"features": ["votes", "age"], "trees": TREES[:1]})
    assert forest.base == 0.5
    assert forest.parts([0, 0]) == pytest.approx([-0.4, 0])
    assert forest.parts([2, 0]) == pytest.approx([0.3, -0.2])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot read"),  # a folder
        ("{", "not JSON"),
        ("[]", "holds no model"),
        ("{}", "holds no model"),
        ('{"model": {"features": ["votes"], "trees": [[1, 0, 0, 0, 0]]}}', "no feature 1"),
        ('{"model": {"features": ["votes"], "trees": [[0, 0, 0, 0]]}}', "holds no model"),
        ('{"model": {"features": ["votes"], "trees": [[0, "x", 0, 0, 0]]}}', "holds no model"),
        ('{"model": {"features": ["votes"], "trees": [[0, NaN, 0, 0, 0]]}}', "nan is no number"),
        ('{"model": {"features": ["votes"], "trees": [1e999]}}', "inf is no number"),
        ('{"model": {"features": ["luck"], "trees": []}}', "'luck', which nobody knows"),
        ('{"model": {"features": ["votes"], "trees": ' + "[0,1,0,0," * 5000, "not JSON|no model"),
    ],
)
def test_a_model_that_cannot_be_read_costs_a_line_and_not_the_mail(
    tmp_path, caplog, content, reason
):
    path = tmp_path / "model.json"
    path.mkdir() if content is None else path.write_text(content)
    ranking = load(environ={}, ranking={"model": str(path)}).ranking
    assert formula(ranking, CONFIG) == shipped()
    (line,) = caplog.messages
    assert re.search(reason, line)
    assert line.startswith(f"ranking.model: {'cannot read ' if content is None else ''}{path}")
    assert line.endswith(": ranking goes on without it")
    with pytest.raises(ConfigError, match=reason):
        origin(ranking, CONFIG)


def test_without_anything_learned_the_closed_form_ranks(tmp_path, caplog):
    (tmp_path / "ranking.json").write_text("{")  # shipped, and damaged
    own = tmp_path / "own.json"
    own.write_text("{}")
    found = formula(load(environ={}, ranking={"model": str(own)}).ranking, tmp_path)
    assert (found.model, found.cold) == (None, None)
    assert [one.partition(" ")[0] for one in caplog.messages] == [
        "ranking.model:",
        "ranking.model:",
        "ranking.cold_start:",
    ]
    assert acts(ranked([voted(1, 9)], found)[1]).keys() == {"votes", "age", "freshness"}


def test_the_own_model_is_used_where_there_is_one(tmp_path, caplog):
    path = tmp_path / "model.json"
    assert shipped(model=str(path)) == shipped()  # nothing was learned that is better
    path.write_text(json.dumps({"model": {"features": ["votes"], "trees": [0.5]}}))
    assert shipped(model=str(path)).model == Forest(("votes",), 0.5, ())
    assert shipped(model="closed").model is None
    assert caplog.messages == []


def test_an_operator_hears_what_ranks(tmp_path):
    def said(model):
        return origin(load(environ={}, ranking={"model": model}).ranking, CONFIG)

    path = tmp_path / "model.json"
    assert said("closed") == "the closed form, as the settings say"
    assert said("shipped").startswith(f"{CONFIG / 'ranking.json'}: made by `digest learn`")
    assert said(str(path)) == f"{said('shipped')} ({path} is not there)"
    learned = {"about": "of last night", "model": {"features": ["votes"], "trees": [0.5]}}
    path.write_text(json.dumps(learned))
    assert said(str(path)) == f"{path}: of last night"


def test_what_is_shipped_asks_for_what_is_known():
    assert set(shipped().model.features) <= FEATURES.keys()
    assert shipped().cold.weights.keys() == COLD_FEATURES.keys()
    assert shipped(cold_start=False).cold is None


# ── Readings ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("looks", "growth", "pace"),
    [
        ([], None, 0),
        ([(0, 9)], None, 9 / 25),  # one look: since it was listed, a day ago
        ([(13, 1), (0, 9)], math.log(5), 8 / 14),
        ([(20, 0), (13, 1), (6, 3), (0, 9)], math.log(5), 8 / 14),  # half a day ago, not before
        ([(11, 1), (0, 9)], None, 9 / 25),  # too recent to tell
        ([(13, 9)], None, 9 / 12),  # nothing since
        ([(13, 9), (0, 1)], math.log(0.2), 0),  # votes may fall
    ],
)
def test_growth_is_read_off_the_votes_of_half_a_day_ago(looks, growth, pace):
    signals = [signal(count, at=NOON - hours * HOUR) for hours, count in looks]
    signals.append(signal(name="listed", at=NOON - DAY))
    reading = read(replace(candidate(), signals=tuple(signals)), NOON)
    assert reading.growth == (growth if growth is None else pytest.approx(growth))
    assert reading.pace == pytest.approx(pace)


def test_only_what_people_did_makes_a_source_speak():
    signals = (signal(0), signal(9, name="stars"), signal(2, name="points", source="hackernews"))
    assert read(replace(candidate(), signals=signals), NOON).sources == {"hackernews"}


# ── Guards ───────────────────────────────────────────────────────────────────────────────────────


def test_a_burst_counts_as_if_votes_had_come_at_the_limit():
    one = voted(1, 600)  # 100 an hour
    guarded = acts(ranked([one], Formula(guards=Guards(burst_votes_per_hour=50)))[1])
    assert guarded["burst"].value == pytest.approx(math.log(301 / 601))
    assert guarded["burst"].text == "damped: 100 votes an hour, counted as 50"
    assert "burst" not in acts(ranked([one], Formula())[1])
    assert "burst" not in acts(ranked([one], Formula(guards=Guards(burst_votes_per_hour=100)))[1])


def test_one_source_alone_is_damped_only_where_several_speak():
    points = signal(3, name="points", source="hackernews")
    guards = Formula(guards=Guards(single_source=0.5))
    many = ranked([voted(1, 9), voted(2, 9, points), voted(3, 0)], guards)
    assert acts(many[1])["single source"].text == "only huggingface speaks of it"
    assert acts(many[1])["single source"].value == pytest.approx(math.log(0.5))
    assert "single source" not in acts(many[2])  # two speak
    assert "single source" not in acts(many[3])  # nobody does
    assert "single source" not in acts(ranked([voted(1, 9), voted(2, 8)], guards)[1])


@pytest.mark.parametrize("kind", ["organisation", "submitter"])
def test_each_paper_over_the_cap_is_worth_half_of_the_one_before(kind):
    many = [voted(n, 100 - n, **{kind: "lab"}) for n in range(5)]
    many += [voted(9, 2, **{kind: "other"}), voted(8, 2)]
    items = ranked(many, Formula(guards=Guards(**{f"per_{kind}": 2})))
    held = {number: acts(item).get(f"{kind} cap") for number, item in items.items()}
    assert [held[n] for n in (0, 1, 8, 9)] == [None] * 4
    assert [round(math.exp(-held[n].value)) for n in (2, 3, 4)] == [2, 4, 8]
    assert held[2].text == "held back: number 3 of the day from lab"
    assert "held back" in items[2].why


def test_the_cap_counts_each_day_anew():
    many = [voted(n, 50 - n, listed=NOON - n * DAY, organisation="lab") for n in range(4)]
    items = ranked(many, Formula(guards=Guards(per_organisation=1)))
    assert not [one for one in items.values() if "organisation cap" in acts(one)]


def test_the_exploration_slot_is_the_tenth_of_the_new_ones():
    old = [voted(100 + n, 900, listed=NOON - 3 * DAY) for n in range(5)]
    new = [voted(n, 200 - n) for n in range(60)]
    free = list(rank([*old, *new], NOON, Formula()))
    found = list(rank([*old, *new], NOON, Formula(guards=Guards(exploration=True))))
    order = [item for item, reading in found if reading.delay == 0]
    lifted = order[9]
    assert acts(lifted)["exploration"].text == (
        "explored: drawn from the 40 new papers further down"
    )
    assert int(lifted.paper.id[-5:]) >= 20
    rest = [item.paper.id for item, _ in found if item.paper.id != lifted.paper.id]
    assert rest == [item.paper.id for item, _ in free if item.paper.id != lifted.paper.id]


def test_another_day_explores_another_paper_and_the_same_day_the_same():
    def drawn(day):
        now = NOON + day * DAY
        many = [voted(n, 20, listed=now - HOUR, at=now) for n in range(80)]
        found = rank(many, now, Formula(guards=Guards(exploration=True)))
        return next(item.paper.id for item, _ in found if "exploration" in acts(item))

    assert drawn(0) == drawn(0)
    assert len({drawn(day) for day in range(12)}) > 6


def test_few_new_papers_leave_nothing_to_explore():
    found = rank([voted(n, 9) for n in range(20)], NOON, Formula(guards=Guards(exploration=True)))
    assert not [item for item, _ in found if "exploration" in acts(item)]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://huggingface.co/lab", "lab"),
        ("https://huggingface.co/a%20b/", "a b"),
        ("https://huggingface.co/", ""),
        ("", ""),
    ],
)
def test_an_owner_is_the_last_part_of_their_address(address, name):
    assert owner_of(paper(links={"submitter": address}), "submitter") == name


# ── Papers without votes ─────────────────────────────────────────────────────────────────────────


def test_what_tells_papers_apart_is_found():
    dice = random.Random(3)  # noqa: S311 - the same every time
    rows = [[dice.random() for _ in COLD_FEATURES] for _ in range(600)]
    truth = [3 * row[0] - 2 * row[4] - 1 for row in rows]
    popular = [dice.random() < 1 / (1 + math.exp(-odds)) for odds in truth]
    weights = list(fit(rows, popular).weights.values())
    assert weights[0] > 1.5
    assert weights[4] < -1
    assert max(abs(one) for place, one in enumerate(weights) if place not in {0, 4}) < 1


@pytest.mark.parametrize("popular", [[True, True], [False, False]])
def test_nothing_to_tell_apart_is_said(popular):
    with pytest.raises(ValueError, match="to tell them apart"):
        fit([[0.0], [1.0]], popular)


def test_authors_of_popular_papers_lift_a_paper_without_votes():
    known = Standing.of([Earlier(authors=("Ada Example", "Zoe"), votes=120)])
    items = ranked([voted(1, None)], shipped(), known)
    nobody = ranked([voted(1, None)], shipped())
    assert items[1].score > nobody[1].score
    assert "an author of earlier papers with up to 120 votes" in items[1].why
    assert acts(nobody[1])["standing"].text == ""


def test_a_standing_counts_papers_and_keeps_the_best():
    known = Standing.of([Earlier(authors=("A", "B"), votes=3), Earlier(authors=("A",), votes=2)])
    assert known.among(["A", "B", "C"]) == [(2, 3), (1, 3)]


def test_the_parts_of_a_promise_are_authors_and_text():
    cold = Cold(-2.0, {"authors": 1.0, "a link": 0.5})
    chosen = paper(authors=("A",), abstract="Code is at https://example.org")
    assert cold.parts(chosen, Standing()) == pytest.approx((math.log(2), -1.5))


def test_words_are_lower_case_and_addresses_are_none():
    chosen = paper(title="An Agent, tool-using", abstract="See https://lab.example/code (agent).")
    assert words_of(chosen) == {"an", "agent", "tool-using", "see"}


def test_a_word_weighs_what_it_tells_and_a_rare_one_nothing():
    texts = [{"agent", "we"}] * 20 + [{"we", "odd"}] * 5 + [{"clinical", "we"}] * 75
    weights = weigh(texts, [True] * 25 + [False] * 75)
    # Agents: 20 of 20 were taken up, beside 20 of the usual mix, of which a quarter were.
    assert weights == {
        "agent": pytest.approx(math.log((20 + 5) / 15 * 3)),
        "clinical": pytest.approx(math.log(5 / (75 + 15) * 3)),
        "we": pytest.approx(0),
    }


@pytest.mark.parametrize("taken", [True, False])
def test_where_all_ended_alike_no_word_tells_anything(taken):
    assert weigh([{"agent"}] * 20, [taken] * 20) == {}


def test_words_that_tell_lift_the_text_of_a_paper_without_votes():
    cold = Cold(-2.0, {}, {"agent": 1.0, "clinical": -1.0, "we": 0.5})
    texts = {
        n: acts(ranked([candidate(1, paper=paper(1, abstract=said), signals=())],
                       Formula(cold=cold))[1])["text"].value
        for n, said in enumerate(["Nothing.", "An agent.", "We, an agent.", "Clinical."])
    }  # fmt: skip
    assert texts == pytest.approx({0: -2.0, 1: -1.4, 2: -2 + 0.9 / math.sqrt(2), 3: -2.6})


# ── The hour ─────────────────────────────────────────────────────────────────────────────────────


def at(hour, minute=0):
    """That time of a day in UTC."""
    return datetime(2026, 1, 15, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cut", "share", "days_ago"),
    [
        (at(7), 0.84, 0),  # as measured
        (at(23, 59), 0.934, 0),  # between the measured hours
        (at(0, 30), 0.94, 1),  # of the list of the day before
        (at(6, 59), 0.94, 1),
    ],
)
def test_a_mail_has_as_much_of_the_day_as_its_hour_allows(cut, share, days_ago):
    found = capture(cut)
    assert (found.share, found.days_ago) == (pytest.approx(share, abs=0.002), days_ago)


def test_a_later_cut_never_has_less_of_its_day():
    shares = [capture(at(7) + timedelta(minutes=10 * n)).share for n in range(100)]
    assert shares == sorted(shares)
    assert {MEASURED[0][1], shares[0]} == {0.84}
