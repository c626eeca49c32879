"""Of the ranking rule: what the words of a title and abstract promise.

Each word has the logarithm of how much oftener it stands in papers that were taken up than in the
others (naive Bayes), drawn towards 0 by some papers of the usual mix, so that rare words say
little. Words come in company, and their sum would count one thing many times: it is divided by the
root of their number, and damped.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from digest.model import Paper

MOST = 500  # words that are kept: those that tell most
FEWEST = 10  # papers a word has to stand in
USUAL = 20.0  # papers of the usual mix that every word is thought to stand in as well
LARGEST = 2.0  # of a word, either way
DAMPED = 0.6
_ADDRESS = re.compile(r"https?://\S+")
_WORD = re.compile(r"[a-z][a-z0-9-]+")


def words_of(paper: Paper) -> frozenset[str]:
    """The words of title and abstract, in lower case, each once; addresses are none."""
    return frozenset(_WORD.findall(_ADDRESS.sub("", f"{paper.title} {paper.abstract}").lower()))


def said_by(words: Collection[str], weights: Mapping[str, float]) -> float:
    """What those words say together, in log-odds."""
    found = [weights[word] for word in words if word in weights]
    return DAMPED * math.fsum(found) / math.sqrt(len(found)) if found else 0.0


def weigh(texts: Sequence[Collection[str]], taken: Sequence[bool]) -> Mapping[str, float]:
    """The weights of the words that tell most, from the words of papers and what became of them."""
    hits, misses = Counter[str](), Counter[str]()
    for words, hit in zip(texts, taken, strict=True):
        (hits if hit else misses).update(words)
    share = sum(taken) / max(1, len(taken))
    if not 0 < share < 1:
        return {}
    usual = math.log(share / (1 - share))
    found = {}
    for word in sorted(hits.keys() | misses.keys()):
        if (papers := hits[word] + misses[word]) >= FEWEST:
            odds = (hits[word] + USUAL * share) / (misses[word] + USUAL * (1 - share))
            value = max(-LARGEST, min(LARGEST, math.log(odds) - usual))
            found[word] = (value, abs(value) * math.sqrt(papers))
    best = sorted(found, key=lambda word: -found[word][1])[:MOST]
    return {word: found[word][0] for word in sorted(best)}
