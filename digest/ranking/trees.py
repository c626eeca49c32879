"""Of the ranking rule: a small additive forest, evaluated without any library, part by part.

A boosted tree model is a sum over its trees. Walking down one tree, every branch taken moves the
prediction from the mean of a node to the mean of its child; that step belongs to the feature that
was asked. Summed over all trees the steps of a feature are its part, and the parts sum to the
prediction exactly (the decomposition of Saabas, 2014).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# (feature, threshold, step to the left, left, step to the right, right); a leaf is None.
Node = tuple[int, float, float, "Node | None", float, "Node | None"]


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees over named features; at most ``threshold`` goes left."""

    features: tuple[str, ...]
    base: float
    trees: tuple[Node, ...]

    def parts(self, values: Sequence[float]) -> list[float]:
        """What each feature adds to the prediction; with ``base`` they sum to it."""
        found = [0.0] * len(self.features)
        for tree in self.trees:
            node: Node | None = tree
            while node is not None:
                feature, threshold, to_left, left, to_right, right = node
                if values[feature] <= threshold:
                    found[feature] += to_left
                    node = left
                else:
                    found[feature] += to_right
                    node = right
        return found


def parse(content: Mapping[str, Any]) -> Forest:
    """A forest from its file: ``features`` and ``trees``.

    A tree is ``[feature, threshold, mean, left, right]``, a leaf its value.

    Raises:
        ValueError: a tree is malformed, or has a number that is none.
    """
    features = tuple(str(name) for name in content["features"])
    base, trees = 0.0, []
    for raw in content["trees"]:
        if not isinstance(raw, list):  # a tree that never asks
            base += _number(raw)
            continue
        base += _number(raw[2])
        trees.append(_node(raw, len(features)))
    return Forest(features, base, tuple(trees))


def _node(raw: Sequence[Any], width: int) -> Node:
    feature, threshold, mean, left, right = raw
    if not isinstance(feature, int) or not 0 <= feature < width:
        raise ValueError(f"there is no feature {feature!r}")
    steps = []
    for child in (left, right):
        inner = isinstance(child, list)
        value = _number(child[2] if inner else child)
        steps.append((value - _number(mean), _node(child, width) if inner else None))
    (to_left, a), (to_right, b) = steps
    return (feature, _number(threshold), to_left, a, to_right, b)


def _number(raw: Any) -> float:  # noqa: ANN401 - whatever stands in the file
    """A finite number: one that is none would take every score with it."""
    value = float(raw)
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number of a tree")
    return value
