"""Of the settings: the formula, with what was learned beforehand read from its file.

``config/ranking.json`` has two tables: ``model`` (trees, see ``ranking.trees``) and ``cold``
(a bias, weights and words, see ``ranking.cold``), and says under ``about`` what made them.
"""

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from digest.errors import ConfigError
from digest.ranking import Burners, Cold, Formula, Guards
from digest.ranking.cold import FEATURES as COLD_FEATURES
from digest.ranking.features import FEATURES
from digest.ranking.trees import Forest, parse
from digest.settings.tables import Ranking

SHIPPED = "ranking.json"

Found = TypeVar("Found")

_log = logging.getLogger(__name__)


def formula(ranking: Ranking, config: Path) -> Formula:
    """The formula that the settings ask for; ``config`` is the folder of the shipped file.

    Learned numbers that cannot be read cost a line of the log and not the day's mail: in place of
    the own model stands the shipped one, in place of that the closed form.
    """
    shipped = config / SHIPPED
    own = None if ranking.model == "closed" else _first(_model, *_files(ranking, shipped))
    return Formula(
        age_exponent=ranking.age_exponent,
        delay_exponent=ranking.delay_exponent,
        weights=ranking.weights,
        model=own,
        cold=_first(_cold, shipped) if ranking.cold_start else None,
        guards=Guards(**ranking.guards.model_dump()),
        burners=Burners(**ranking.slow_burners.model_dump()),
    )


def origin(ranking: Ranking, config: Path) -> str:
    """What ranks, and where it comes from.

    Raises:
        ConfigError: what should rank cannot be read.
    """
    if ranking.model == "closed":
        return "the closed form, as the settings say"
    first, *_ = _files(ranking, config / SHIPPED)
    _model(first)
    found = f"{first}: {_read(first).get('about', 'a model')}"
    absent = ranking.model != "shipped" and first != Path(ranking.model)
    return f"{found} ({ranking.model} is not there)" if absent else found


def _files(ranking: Ranking, shipped: Path) -> Sequence[Path]:
    """Where a model may come from, the best first. `digest learn` keeps none that is not better."""
    own = Path(ranking.model)
    return (own, shipped) if ranking.model != "shipped" and own.exists() else (shipped,)


def _first(read: Callable[[Path], Found], *paths: Path) -> Found | None:
    """The first of those files that can be read; the log names the others."""
    for path in paths:
        try:
            return read(path)
        except ConfigError as error:
            _log.warning("%s: ranking goes on without it", error)
    return None


def _read(path: Path, setting: str = "ranking.model") -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{setting}: cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{setting}: {path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{setting}: {path} holds no model")
    return content


def _model(path: Path) -> Forest:
    try:
        found = parse(_read(path)["model"])
    except (KeyError, TypeError, ValueError, IndexError, RecursionError) as error:
        raise ConfigError(f"ranking.model: {path} holds no model: {error}") from error
    if unknown := set(found.features) - FEATURES.keys():
        raise ConfigError(f"ranking.model: {path} asks for {min(unknown)!r}, which nobody knows")
    return found


def _cold(path: Path) -> Cold:
    try:
        raw = _read(path, "ranking.cold_start")["cold"]
        weights = {str(name): float(value) for name, value in raw["weights"].items()}
        words = {str(word): float(value) for word, value in raw.get("words", {}).items()}
        found = Cold(float(raw["bias"]), weights, words)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"ranking.cold_start: {path} holds no weights: {error}") from error
    if unknown := weights.keys() - COLD_FEATURES.keys():
        raise ConfigError(f"ranking.cold_start: {path} weighs {min(unknown)!r}: nobody knows it")
    return found
