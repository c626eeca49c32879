"""Of the settings: the formula, with what was learned beforehand read from its file.

``config/ranking.json`` has two tables: ``model`` (trees, see ``ranking.trees``) and ``cold``
(a bias, weights and words, see ``ranking.cold``), and says under ``about`` what made them.
"""

import json
from pathlib import Path
from typing import Any

from digest.errors import ConfigError
from digest.ranking import Burners, Cold, Formula, Guards
from digest.ranking.cold import FEATURES as COLD_FEATURES
from digest.ranking.features import FEATURES
from digest.ranking.trees import Forest, parse
from digest.settings.tables import Ranking

SHIPPED = "ranking.json"


def formula(ranking: Ranking, config: Path) -> Formula:
    """The formula that the settings ask for; ``config`` is the folder of the shipped file.

    Raises:
        ConfigError: a file of learned numbers cannot be read.
    """
    shipped = config / SHIPPED
    path = shipped if ranking.model in {"shipped", "closed"} else Path(ranking.model)
    if not path.exists():  # `digest learn` keeps no model that is not better
        path = shipped
    return Formula(
        age_exponent=ranking.age_exponent,
        delay_exponent=ranking.delay_exponent,
        weights=ranking.weights,
        model=None if ranking.model == "closed" else _model(path),
        cold=_cold(shipped) if ranking.cold_start else None,
        guards=Guards(**ranking.guards.model_dump()),
        burners=Burners(**ranking.slow_burners.model_dump()),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"ranking.model: cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"ranking.model: {path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"ranking.model: {path} holds no model")
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
        raw = _read(path)["cold"]
        weights = {str(name): float(value) for name, value in raw["weights"].items()}
        words = {str(word): float(value) for word, value in raw.get("words", {}).items()}
        found = Cold(float(raw["bias"]), weights, words)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"ranking.cold_start: {path} holds no weights: {error}") from error
    if unknown := weights.keys() - COLD_FEATURES.keys():
        raise ConfigError(f"ranking.cold_start: {path} weighs {min(unknown)!r}: nobody knows it")
    return found
