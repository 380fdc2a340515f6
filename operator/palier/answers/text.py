"""How alike two texts are, by metrics whose numbers people can check against the programs that define them.

A score that is nearly ROUGE is worth nothing: thresholds are copied from papers and compared with other tools. So every
metric here gives the number of its reference implementation, on that implementation's own scale:

- `rouge1`, `rouge2`, `rougeL`: the F-measure of rouge-score 0.1.2 without stemming, 0 to 1. Its tokens are runs of a-z
  and 0-9 after lowering the case; whatever is written in another script does not exist for it.
- `bleu`, `chrf`: sentence BLEU and chrF of sacrebleu 2.6 with its defaults, 0 to 100; case and punctuation count.
- `tokenF1`: the F1 of SQuAD 2.0's evaluation: without case, ASCII punctuation and English articles, 0 to 1.
- `exact`: 1 for the same characters, else 0.
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import pairwise
from typing import Final, TypeVar

PERCENT_METRICS: Final = frozenset({"bleu", "chrf"})
"""Metrics whose scale ends at 100 and not at 1."""

_WORD: Final = re.compile(r"[a-z0-9]+")
_ARTICLES: Final = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)
_Token = TypeVar("_Token", bound=Hashable)
_BLOCK: Final = 16_384
"""Bits that are worked on at once: they stay in the processor's cache, and the masks of a block in a few megabytes."""


def score(metric: str, reference: str, candidate: str) -> float:
    """The score of a candidate's text, on the scale of the metric's reference implementation.

    Raises:
        ValueError: there is no such metric.
    """
    measure = _MEASURES.get(metric)
    if measure is None:
        raise ValueError(f"unknown metric {metric!r}: it is one of {', '.join(METRICS)}")
    return measure(reference, candidate)


def likeness(metric: str, reference: str, candidate: str) -> float:
    """The same between 0 and 1 for every metric, and 1 for identical texts.

    Reference implementations call two empty texts, or two identical ones in a script that they cannot read, not alike
    at all; for a comparison of answers they are.

    Raises:
        ValueError: there is no such metric.
    """
    if metric in _MEASURES and reference == candidate:
        return 1.0
    scored = score(metric, reference, candidate)
    return min(max(scored / 100 if metric in PERCENT_METRICS else scored, 0.0), 1.0)


def longest_common(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Length of the longest common subsequence.

    Whole rows of the usual table are computed at once, as the bits of large integers (H. Hyyrö, "Bit-parallel
    LCS-length computation revisited", 2004): a bit is set where the row does not grow. Additions carry from one block
    to the next.
    """
    common, first, second = _without_equal_ends(first, second)
    known = set(second)
    first = [token for token in first if token in known]
    known = set(first)
    second = [token for token in second if token in known]
    columns, rows = (first, second) if len(first) >= len(second) else (second, first)
    carries = bytearray(len(rows))
    for begin in range(0, len(columns), _BLOCK):
        common += _block(columns[begin : begin + _BLOCK], rows, carries)
    return common


def _without_equal_ends(
    first: Sequence[Hashable], second: Sequence[Hashable]
) -> tuple[int, Sequence[Hashable], Sequence[Hashable]]:
    """How many elements both have in common at their ends, and what lies between."""
    shorter = min(len(first), len(second))
    head = 0
    while head < shorter and first[head] == second[head]:
        head += 1
    tail = 0
    while tail < shorter - head and first[-1 - tail] == second[-1 - tail]:
        tail += 1
    return head + tail, first[head : len(first) - tail], second[head : len(second) - tail]


def _block(columns: Sequence[Hashable], rows: Sequence[Hashable], carries: bytearray) -> int:
    """What a block of columns adds to the length; `carries` of every row come from the block before, and go on."""
    masks: dict[Hashable, int] = {}
    for place, token in enumerate(columns):
        masks[token] = masks.get(token, 0) | 1 << place
    width = len(columns)
    flat = full = (1 << width) - 1
    for row, token in enumerate(rows):
        matched = flat & masks.get(token, 0)
        if matched or carries[row]:
            total = flat + matched + carries[row]
            carries[row] = total >> width
            flat = (total | (flat - matched)) & full
    return width - flat.bit_count()


def _rouge_1(reference: str, candidate: str) -> float:
    return _of_counts(Counter(_words(reference)), Counter(_words(candidate)))


def _rouge_2(reference: str, candidate: str) -> float:
    return _of_counts(Counter(pairwise(_words(reference))), Counter(pairwise(_words(candidate))))


def _rouge_l(reference: str, candidate: str) -> float:
    expected, given = _words(reference), _words(candidate)
    return _harmonic(longest_common(expected, given), len(expected), len(given))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _token_f1(reference: str, candidate: str) -> float:
    expected, given = _plain_words(reference), _plain_words(candidate)
    if not expected or not given:
        return float(expected == given)
    return _of_counts(Counter(expected), Counter(given))


def _plain_words(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split()


def _of_counts(expected: Counter[_Token], given: Counter[_Token]) -> float:
    return _harmonic((expected & given).total(), expected.total(), given.total())


def _harmonic(common: int, expected: int, given: int) -> float:
    """Harmonic mean of precision and recall, with the rounding of the reference implementations."""
    if not common:
        return 0.0
    precision, recall = common / given, common / expected
    return 2 * precision * recall / (precision + recall)


def _bleu(reference: str, candidate: str) -> float:
    # Only now: of Palier's programs, the operator never scores texts.
    from sacrebleu import sentence_bleu  # noqa: PLC0415
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a  # noqa: PLC0415
    from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp  # noqa: PLC0415

    try:
        return float(sentence_bleu(candidate, [reference]).score)
    finally:
        # Its tokenizers remember 65,536 texts each, for a second look that never comes: nobody's answers are kept.
        for tokenizer in (Tokenizer13a, TokenizerRegexp):
            tokenizer.__call__.cache_clear()


def _chrf(reference: str, candidate: str) -> float:
    from sacrebleu import sentence_chrf  # noqa: PLC0415

    return float(sentence_chrf(candidate, [reference]).score)


def _match_exactly(reference: str, candidate: str) -> float:
    return float(reference == candidate)


_MEASURES: Final[Mapping[str, Callable[[str, str], float]]] = {
    "rougeL": _rouge_l,
    "rouge1": _rouge_1,
    "rouge2": _rouge_2,
    "bleu": _bleu,
    "chrf": _chrf,
    "tokenF1": _token_f1,
    "exact": _match_exactly,
}

METRICS: Final[tuple[str, ...]] = tuple(_MEASURES)
"""The names of all metrics."""
