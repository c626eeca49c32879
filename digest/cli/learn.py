"""``digest learn``: the ranking's model fitted on recorded days, kept where later days agree."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from digest.backtest import Interval, Judge, Recorded, by_formula, fresh, judge, learning, replay
from digest.cli import show
from digest.cli.backtest import FromStore, Papers, Votes, cell, days_of, figures_table, save
from digest.cli.options import Config, Now
from digest.errors import InputError
from digest.nightly import Nightly
from digest.ranking import Formula
from digest.settings import load, resource
from digest.settings.formula import formula as formula_of

MINE = "fitted on the past only"
DECIDES = "timely@10"  # the figure that has to be better than each rival's


def learn(
    votes: Votes = None,
    *,
    out: Annotated[Path | None, typer.Option(help="Write the model there.")] = None,
    papers: Papers = None,
    from_store: FromStore = 0,
    arxiv: Annotated[Path | None, typer.Option(help="Days of arXiv, for the cold start.")] = None,
    status: Annotated[bool, typer.Option(help="Only say what the last night brought.")] = False,
    config: Config = None,
    now: Now = "",
) -> None:
    """Fit the ranking's model on recorded days; kept only where later days say it is better."""
    if status:
        _status(config)
        return
    if out is None:
        raise InputError("out", "name the file of the model: --out FILE")
    recorded = learning.settled(days_of(votes, papers, from_store, config, now))
    since = learning.first_fit(recorded)
    if len(recorded.days) - since < learning.FEWEST_TRIED:
        needed = since + learning.FEWEST_TRIED
        show.say(f"Too few days: {len(recorded.days)} of {needed} have an outcome. {_without(out)}")
        return
    # The shipped model has seen the days of the files: there the closed form is the one to beat. On
    # the own days both are.
    shipped = _shipped(config)
    rivals = {"the closed form": replace(shipped, model=None)}
    rivals |= {"the shipped model": shipped} if from_store else {}
    gain = _tried(recorded, since, shipped, rivals)
    against = ", ".join(f"{cell(one, '+')} against {name}" for name, one in gain.items())
    if not all(one.low > 0 for one in gain.values()):
        out.unlink(missing_ok=True)
        show.say(f"Not better, {DECIDES} {against}. {_without(out)}")
        return
    about = f"made by `digest learn` from {len(recorded.days)} days up to {recorded.days[-1].name}"
    rows = learning.examples(recorded, shipped.age_exponent)
    content = {"about": about, "model": learning.fit(rows)}
    if arxiv:
        content["cold"] = _cold(arxiv, recorded)
    save(out, json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")
    show.say(f"{out}: {about}, {DECIDES} {against}")


def _status(config: Path | None) -> None:
    found = Nightly(load(config)).status()
    show.say(f"{found}\n\n{found.said}" if found else "No night has brought anything yet.")


def _shipped(config: Path | None) -> Formula:
    ranking = load(config).ranking.model_copy(update={"model": "shipped"})
    return formula_of(ranking, resource("config"))


def _tried(
    recorded: Recorded, since: int, formula: Formula, rivals: Mapping[str, Formula]
) -> Mapping[str, Interval]:
    """What deciding figure the fitted models have more than each rival, and a table of all."""
    orders = {MINE: by_formula(learning.rolling(recorded, formula))}
    orders |= {name: by_formula(rival) for name, rival in rivals.items()}
    truth = Judge(recorded)
    measured = {
        name: truth.measure(replay(recorded.days, order), since) for name, order in orders.items()
    }
    gain = {name: judge(measured, name)[MINE] for name in rivals}
    title = f"The last {len(recorded.days) - since} of {len(recorded.days)} days, 95 % intervals"
    figures_table(title, judge(measured))
    figures_table("What was learned", {f"minus {n}": row for n, row in gain.items()}, sign="+")
    return {name: row[DECIDES] for name, row in gain.items()}


def _without(out: Path) -> str:
    return f"No {out}: editions are ranked without it."


def _cold(arxiv: Path, recorded: Recorded) -> Mapping[str, object]:
    known = fresh.examples(arxiv, recorded)
    tried, cold = fresh.trial(known), fresh.learn(known)
    auc = f"AUC of a day {tried.auc:.3f}, of all {tried.pooled:.3f}"
    show.say(f"cold start, {tried.days} days: nDCG@10 {tried.ndcg:.3f}, {auc}")
    weights = {name: round(value, 4) for name, value in cold.weights.items()}
    words = {word: round(value, 3) for word, value in cold.words.items()}
    return {"bias": round(cold.bias, 4), "weights": weights, "words": words}
