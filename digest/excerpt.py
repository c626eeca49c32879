"""A rule: one or two sentences of an abstract that say what was done and found, word for word.

No words are made here. Each sentence gets points for what sentences that tell begin or end with
("we propose", "outperforms", a figure), and loses some for background and for hanging on another
sentence. The best one is taken, with its better neighbour where both fit.
"""

import re

from digest.notation import sentences, shorten

LIMIT = 280  # characters: two sentences of common length

_POINTS = (
    (3.0, r"\bwe (?:\w+ly )?(?:propose|introduce|present|develop|design|ask|study|investigate)\b"),
    (3.0, r"\bthis (?:paper|work|study|article|report|survey) \w+s\b"),
    (2.5, r"\bwe (?:\w+ly )?(?:show|find|found|prove|demonstrate|discover|observe|reveal)\b"),
    (2.0, r"\b(?:results|experiments|evaluations?|analys[ei]s) (?:\w+ ){0,4}?(?:show|demonstrate)"),
    (1.5, r"\b(?:outperform|achiev|surpass|improv|reduc|attain|state-of-the-art)"),
    (1.0, r"\d"),
    (0.5, r"\bour\b"),
    (-1.0, r"\b(?:limits|limitations|implications|future work) (?:is|are)\b"),
    (-1.0, r"\bwe (?:also )?(?:release|open-source)\b"),
    (-2.0, r"^(?:however|recent|existing|despite|although|while|traditional|current|prior)\b"),
    (-2.0, r"^(?:it|they|these|those|this|such|moreover|furthermore|additionally|also|finally)\b"),
    (-1.5, r"\b(?:remains?|challeng|limited|bottleneck|struggle|fail to|crucial|essential)"),
    (-3.0, r"\b(?:code|data|dataset|models?|project page)\b.*\bavailable\b|https?://"),
)
_RULES = tuple((points, re.compile(pattern, re.IGNORECASE)) for points, pattern in _POINTS)
_NAMES_ITS_SUBJECT = re.compile(
    r"^this (?:paper|work|study|article|report|survey)\b", re.IGNORECASE
)
_SHORTEST = 40  # characters; less is a heading or a fragment


def excerpt(abstract: str, limit: int = LIMIT) -> str:
    """The sentences of a readable abstract that tell most, at most ``limit`` characters.

    What is longer than that alone is cut at a word, with ``…``; nothing else is changed. The same
    abstract always gives the same sentences, and one without sentences gives itself.
    """
    found = sentences(abstract)
    if not found:
        return ""
    points = [
        _points(text, at / len(found)) - (len(text) > limit)  # whole sentences tell more
        for at, text in enumerate(found)
    ]
    best = max(range(len(found)), key=lambda at: (points[at], -at))
    pairs = [at for at in (best - 1, best) if 0 <= at < len(found) - 1]
    fitting = [at for at in pairs if len(found[at]) + 1 + len(found[at + 1]) <= limit]
    if fitting:
        at = max(fitting, key=lambda one: points[one] + points[one + 1])
        if min(points[at], points[at + 1]) > 0:
            return f"{found[at]} {found[at + 1]}"
    return shorten(found[best], limit)


def _points(sentence: str, place: float) -> float:
    """How much a sentence tells; ``place`` is 0 for the first one and near 1 for the last."""
    points = 0.0 if len(sentence) >= _SHORTEST else -2.0
    for worth, pattern in _RULES:
        if worth == -2.0 and _NAMES_ITS_SUBJECT.search(sentence):  # noqa: PLR2004 - as in the table
            continue
        points += worth if pattern.search(sentence) else 0.0
    return points - place / 2  # of two that tell as much, the earlier
