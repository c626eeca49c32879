"""Of the backtest: a model fitted on recorded days and tried on later ones. Needs ``lightgbm``.

The target is the votes a paper ends with, the loss that of a Tweedie distribution of power 1.7
(counts with a long tail), the start the closed form: the trees learn only what it gets wrong. They
learn from papers that are new or a day late, for those are what a mail chooses from. What a forest
of a hundred small trees says depends on its dice as much as on what there is to learn, so several
are fitted with other dice and to other depths, and their mean is one forest again.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

from digest.backtest.recorded import Day, Recorded
from digest.errors import ConfigError
from digest.ranking import Forest, Formula
from digest.ranking.features import FEATURES, Field, values
from digest.ranking.reading import HOUR, Reading, count, read
from digest.ranking.trees import parse

# Where digest is run from a checkout the package has no extra to ask for, so the library is named.
MISSING = "lightgbm is missing: pip install 'lightgbm>=4.6' where digest is installed"
SYSTEM = "on Debian and in its images it needs the package libgomp1"
FORESTS, TREES = 6, 100
LEAVES = (5, 8, 4)  # of the first, the second and the third forest, and so on
PARAMETERS: Mapping[str, Any] = {
    "objective": "tweedie",
    "tweedie_variance_power": 1.7,
    "learning_rate": 0.1,
    "min_data_in_leaf": 150,
    "feature_fraction": 0.35,
    "bagging_fraction": 0.5,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
NAMES = tuple(FEATURES)
# More votes never lower a score; with more a paper's place is a smaller number.
MONOTONE = {"votes": 1, "lead": 1, "growth": 1, "place": -1}
OUTCOME_AFTER = timedelta(days=10)  # younger days have no outcome yet that could be learned from
EVERY = timedelta(days=7)  # a rolling trial fits anew after so long
FEWEST_DAYS = 20
FEWEST_TRIED = 20  # an interval over fewer days is narrower than what is known
LATEST = 1  # days of delay of what is learned from
DIGITS = 5  # significant ones, of the numbers in the file


@dataclass(frozen=True, slots=True)
class Example:
    """One candidate of one day: what is known, what the closed form says, what it ended as."""

    at: datetime
    known: Sequence[float]
    start: float
    final: float


def examples(recorded: Recorded, age_exponent: float = 0.2) -> list[Example]:
    """What can be learned from those days."""
    return [example for day in recorded.days for example in _of(day, recorded.final, age_exponent)]


def library() -> tuple[Any, Any]:
    """Gives lightgbm and numpy: an extra, loaded when it is needed and by nobody else.

    Raises:
        ConfigError: it is not installed, or lacks a library of the system.
    """
    try:
        return import_module("lightgbm"), import_module("numpy")
    except ImportError as error:
        raise ConfigError(MISSING) from error
    except OSError as error:  # of the dynamic linker
        raise ConfigError(f"lightgbm cannot be loaded ({error}): {SYSTEM}") from error


def fit(rows: Sequence[Example]) -> Mapping[str, Any]:
    """The fitted forest, as ``ranking.trees.parse`` reads it.

    Raises:
        ConfigError: see ``library``.
    """
    dumps = [one.dump_model() for one in boosters(rows)]
    return {
        "features": list(NAMES),
        "trees": [_tree(tree["tree_structure"]) for dump in dumps for tree in dump["tree_info"]],
    }


def boosters(rows: Sequence[Example]) -> list[Any]:
    """The forests whose mean is the model, as the library has them. Raises as ``fit`` does."""
    lightgbm, np = library()
    data = lightgbm.Dataset(
        np.array([row.known for row in rows]),
        np.array([row.final for row in rows]) + 0.1,  # nothing ends with less than nothing
        init_score=np.array([row.start for row in rows]),
        feature_name=list(NAMES),
    )
    options = {**PARAMETERS, "monotone_constraints": [MONOTONE.get(name, 0) for name in NAMES]}
    return [
        lightgbm.train(
            {**options, "seed": n + 1, "num_leaves": LEAVES[n % len(LEAVES)]}, data, TREES
        )
        for n in range(FORESTS)
    ]


def settled(recorded: Recorded) -> Recorded:
    """The days that have an outcome: of the last ten nobody knows yet what their papers end with.

    Files that tell the truth are as they were: they were written when it was known.
    """
    if not recorded.blind:
        return recorded
    end = recorded.days[-1].at - OUTCOME_AFTER
    return replace(recorded, days=tuple(day for day in recorded.days if day.at <= end))


def first_fit(recorded: Recorded) -> int:
    """The number of the first day with twenty days of outcomes behind it, were there so many."""
    days = recorded.days
    ready = days[FEWEST_DAYS - 1].at + OUTCOME_AFTER if len(days) >= FEWEST_DAYS else None
    found = [number for number, day in enumerate(days) if ready and day.at >= ready]
    return found[0] if found else FEWEST_DAYS + OUTCOME_AFTER // timedelta(days=1) - 1


def rolling(recorded: Recorded, formula: Formula) -> Callable[[int], Formula]:
    """The formula of each day, fitted on what was at least ten days old when it began to be used.

    Until the first fit it is the closed form.
    """
    rows = examples(recorded, formula.age_exponent)
    closed = replace(formula, model=None)
    chosen: list[Formula] = []
    since, fitted = first_fit(recorded), datetime.min.replace(tzinfo=UTC)
    for number, day in enumerate(recorded.days):
        if number >= since and day.at - fitted >= EVERY:
            past = [row for row in rows if row.at <= day.at - OUTCOME_AFTER]
            closed, fitted = replace(formula, model=forest(fit(past))), day.at
        chosen.append(closed)
    return chosen.__getitem__


def forest(model: Mapping[str, Any]) -> Forest:
    """The forest of a fitted model."""
    return parse(json.loads(json.dumps(model)))


def _of(day: Day, final: Mapping[str, float], age_exponent: float) -> list[Example]:
    readings = [read(candidate, day.at) for candidate in day.candidates]
    ground = Field.of(readings)
    return [
        Example(
            at=day.at,
            known=values(NAMES, candidate.paper, reading, ground),
            start=_closed_form(reading, age_exponent),
            final=final[candidate.paper.id],
        )
        for candidate, reading in zip(day.candidates, readings, strict=True)
        if reading.votes is not None and reading.delay <= LATEST
    ]


def _closed_form(reading: Reading, age_exponent: float) -> float:
    return math.log1p(count(reading.votes)) - age_exponent * math.log(reading.age / HOUR + 2)


def _tree(node: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a list of lists and numbers
    """One tree with its share of the mean."""
    if "leaf_value" in node:
        return _short(node["leaf_value"] / FORESTS)
    children = [_tree(node[side]) for side in ("left_child", "right_child")]
    mean, threshold = _short(node["internal_value"] / FORESTS), _short(node["threshold"])
    return [node["split_feature"], threshold, mean, *children]


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
