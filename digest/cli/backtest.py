"""``digest backtest``: the ranking on recorded days, judged."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from digest.backtest import (
    BASELINES,
    METRICS,
    Interval,
    Judge,
    Recorded,
    Run,
    by_formula,
    by_score,
    chart,
    history,
    hours,
    judge,
    late,
    learning,
    read,
    replay,
)
from digest.backtest import snapshots as looks
from digest.backtest.metrics import Pairs
from digest.backtest.replay import Order
from digest.cli import show
from digest.cli.options import Config, Now, application
from digest.errors import InputError
from digest.ranking import Formula, Guards
from digest.settings import load, resource
from digest.settings.formula import formula as formula_of

Votes = Annotated[Path | None, typer.Argument(help="Recorded days (CSV, gzipped or not).")]
Papers = Annotated[Path | None, typer.Option(help="The texts of their papers.")]
FromStore = Annotated[int, typer.Option(help="Instead: so many days of the own store.")]
LATE_HOUR = 8  # UTC: papers listed by the morning's looks are two days old on the second morning
AGAINST = ("raw upvotes", "Hacker News gravity 1.8")


class Model(StrEnum):
    """What ranks."""

    SETTINGS = "settings"
    CLOSED = "closed"
    ROLLING = "rolling"


def backtest(
    votes: Votes = None,
    *,
    papers: Papers = None,
    picks: Annotated[Path | None, typer.Option(help="Write ten picks a day there.")] = None,
    picks_5: Annotated[Path | None, typer.Option(help="The same for a digest of five.")] = None,
    batch_order: Annotated[Path | None, typer.Option(help="Each day's new papers, ranked.")] = None,
    from_store: FromStore = 0,
    model: Annotated[
        Model, typer.Option(help="Rolling fits on the past only, every week (needs lightgbm).")
    ] = Model.SETTINGS,
    compare: Annotated[bool, typer.Option(help="Each guard on and off, too.")] = False,
    markdown: Annotated[Path | None, typer.Option(help="Write the table there.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Draw the comparison there.")] = None,
    snapshots: Annotated[Path | None, typer.Option(help="Measure the hour of the cut.")] = None,
    burners: Annotated[
        bool, typer.Option(help="Measure slow burners, in SNAPSHOTS or the own store.")
    ] = False,
    config: Config = None,
    now: Now = "",
) -> None:
    """Replay recorded days through the ranking that makes editions, and judge its picks."""
    if burners:
        _burners(snapshots, from_store, config, now)
        return
    if snapshots:
        _hours(snapshots, svg if not (votes or from_store) else None)
        if not (votes or from_store):
            return
    recorded = days_of(votes, papers, from_store, config, now)
    chosen = formula_of(load(config).ranking, resource("config"))
    first, measured = _replayed(recorded, _systems(model, chosen, recorded, compare))
    _write(first, {"ten": picks, "five": picks_5, "batch": batch_order})
    figures = judge(measured)
    _tell(recorded, figures, {base: judge(measured, base) for base in AGAINST})
    if svg:
        save(svg, chart.comparison(figures, f"The ranking on {len(recorded.days)} days"))
    if markdown:
        save(markdown, _markdown(figures))


def _replayed(
    recorded: Recorded, systems: Mapping[str, Order]
) -> tuple[Run, Mapping[str, Mapping[str, Pairs]]]:
    """The picks of the first system, and what those of each were worth, day by day."""
    truth, runs = Judge(recorded), {}
    with show.bar("replaying", len(recorded.days) * len(systems)) as progress:
        for name, order in systems.items():
            runs[name] = replay(recorded.days, order, progress)
    measured = {name: truth.measure(run) for name, run in runs.items()}
    return next(iter(runs.values())), measured


def days_of(
    votes: Path | None, papers: Path | None, from_store: int, config: Path | None, now: str
) -> Recorded:
    """The recorded days of files or of the own store.

    Raises:
        InputError: none are named, or they cannot be read.
    """
    if votes and not from_store:
        return read(votes, papers)
    if not from_store:
        raise InputError("votes", "name a file of recorded days, or --from-store DAYS")
    app = application(config, now)
    window = timedelta(days=app.settings.ranking.window_days)
    hour = app.settings.readers.hour
    return history.from_store(app.store, app.clock(), days=from_store, hour=hour, window=window)


def _by_rolling(recorded: Recorded, formula: Formula) -> Order:
    return by_formula(learning.rolling(recorded, formula))


def _systems(
    model: Model, chosen: Formula, recorded: Recorded, compare: bool
) -> Mapping[str, Order]:
    """What is judged, the ranking of the settings (or as asked for) first."""
    closed, free = replace(chosen, model=None), replace(chosen, guards=Guards())
    orders = {
        Model.SETTINGS: lambda: by_formula(chosen),
        Model.CLOSED: lambda: by_formula(closed),
        Model.ROLLING: lambda: _by_rolling(recorded, chosen),
    }
    found = {f"ranking ({model})": orders[model]()}
    if model is not Model.CLOSED:
        found["closed form"] = by_formula(closed)
    if compare:
        found["all guards off"] = by_formula(free)
        for name, guards in _each_guard(chosen.guards).items():
            found[name] = by_formula(replace(chosen, guards=guards))
    return found | {name: by_score(score) for name, score in BASELINES.items()}


def _each_guard(guards: Guards) -> Mapping[str, Guards]:
    """Every guard alone, with the value of the settings or, where it is off there, a usual one."""
    usual = Guards(
        burst_votes_per_hour=50, single_source=0.9, per_organisation=3, per_submitter=3,
        exploration=True,
    )  # fmt: skip
    return {
        f"only {name.replace('_', ' ')}": Guards(**{name: getattr(guards, name) or on})
        for name in Guards.__slots__
        if (on := getattr(usual, name))
    }


def _write(run: Run, paths: Mapping[str, Path | None]) -> None:
    """The picks as rankeval reads them."""
    for kind, path in paths.items():
        if not path:
            continue
        chosen: Mapping[str, Sequence[str]] = getattr(run, kind)
        try:
            with path.open("w", encoding="utf-8", newline="") as file:
                table = csv.writer(file)
                table.writerow(("day", "rank", "paper_id"))
                for day, names in chosen.items():
                    table.writerows((day, place, name) for place, name in enumerate(names, 1))
        except OSError as error:
            raise InputError("picks", f"cannot write {path}: {error.strerror}") from error


def save(path: Path, text: str) -> None:
    """Writes a file so that whoever reads it meanwhile has the old one or the new one.

    Raises:
        InputError: it cannot be written.
    """
    draft = path.with_name(f"{path.name}.new")
    try:
        draft.write_text(text, "utf-8")
        draft.replace(path)
    except OSError as error:
        raise InputError("out", f"cannot write {path}: {error.strerror}") from error


def _tell(
    recorded: Recorded,
    figures: Mapping[str, Mapping[str, Interval]],
    differences: Mapping[str, Mapping[str, Mapping[str, Interval]]],
) -> None:
    truth = "judged on the most votes known" if recorded.blind else "95 % intervals"
    figures_table(f"{len(recorded.days)} days, {truth}", figures)
    first = next(iter(figures))
    rows = {f"minus {base}": of[first] for base, of in differences.items()}
    figures_table("The first one's lead", rows, sign="+")


def figures_table(title: str, rows: Mapping[str, Mapping[str, Interval]], sign: str = "") -> None:
    """A row of figures for each system; ``sign`` is ``+`` for differences."""
    cells = [(name, *(cell(row[m], sign) for m in METRICS)) for name, row in rows.items()]
    show.table(title, ("", *(f"#{metric}" for metric in METRICS)), cells)


def cell(one: Interval, sign: str = "") -> str:
    """A figure with its interval: ``0.956 [0.950, 0.961]``."""
    if math.isnan(one.value):
        return "-"
    return f"{one.value:{sign}.3f} [{one.low:{sign}.3f}, {one.high:{sign}.3f}]"


def _markdown(figures: Mapping[str, Mapping[str, Interval]]) -> str:
    lines = [f"| | {' | '.join(METRICS)} |", "| --- |" + " --- |" * len(METRICS)]
    for name, row in figures.items():
        lines.append(f"| {name} | {' | '.join(cell(row[metric]) for metric in METRICS)} |")
    return "\n".join([*lines, ""])


def _hours(snapshots: Path, svg: Path | None) -> None:
    found = hours.measure(snapshots)
    rows = [(f"{one.hour} h", one.days, f"{one.share:.1%}") for one in found]
    show.table("Share of a day's eventual top ten", ("after", "#days", "#share"), rows)
    if svg and found:
        points = [(float(one.hour), one.share) for one in found]
        save(svg, chart.curve(points, "What the hour of the cut is worth"))


def _burners(snapshots: Path | None, from_store: int, config: Path | None, now: str) -> None:
    ranking = load(config).ranking
    window = timedelta(days=ranking.window_days)
    if snapshots:
        recorded = looks.read(snapshots, hour=LATE_HOUR, window=window)
    else:
        recorded = days_of(None, None, from_store, config, now)
    rows = []
    for one in late.measure(recorded, formula_of(ranking, resource("config"))):
        bar = one.bar
        said = (f"{bar.votes} votes", f"{bar.share:.0%}") if bar.votes else ("all of them", "")
        figures = (one.papers, f"{one.weekly:.2f}", f"{one.most:.2f}", f"{one.votes:.0f}")
        rows.append((*said, *figures, f"{one.final:.0f}", f"{one.growth:.2f}"))
    heads = ("#papers", "#a week", "#at most", "#votes then", "#in the end", "#growth")
    show.table(f"Slow burners of {len(recorded.days)} days", ("gained", "of all", *heads), rows)
