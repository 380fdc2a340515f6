"""May this judge judge? Pairs whose better answer is known show that, before it says anything about a candidate.

The pairs are people's. Where there are none, a few of ours show at least that somebody reads the questions: a judge who
says always the same, or anything, would otherwise call every candidate as good as stable.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from palier.errors import InvalidCorpus
from palier.golden.corpus import show_json
from palier.golden.judge_reply import Opinion
from palier.golden.prompt import text_of

FEWEST_PAIRS: Final = 20
"""With fewer, the share on which judge and people agree is not even known to 20 points of a hundred."""
MOST_PAIRS: Final = 2000
"""More would cost more than they show: 2000 pairs know the share to 2 points."""

_FIELDS: Final = ("request", "first", "second", "better", "expected")
_NEEDED: Final = _FIELDS[:4]
_PLACES: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers of which people have said which is better."""

    request: str
    first: str
    second: str
    better: Opinion
    expected: str = ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a judge and people agree."""

    pairs: int
    agreed: int
    unjudged: int
    """Pairs on which the judge has said nothing; they count as disagreement."""
    kappa: Fraction | None
    """Cohen's kappa; None when all are of one opinion, so that agreement cannot be distinguished from habit."""

    @property
    def share(self) -> Fraction:
        """Share of the pairs on which both agree, between 0 and 1."""
        return Fraction(self.agreed, self.pairs)

    @property
    def figures(self) -> tuple[Decimal, Decimal | None]:
        """Share and kappa as they are recorded, with four decimals."""
        return _round_share(self.share), None if self.kappa is None else _round_share(self.kappa)

    def fault(self, least: Decimal) -> str:
        """Why a judge who agrees so far must not judge, as a sentence; empty when it may.

        Args:
            least: the share of the pairs that is asked for, between 0 and 1.
        """
        missing = f", and on {self.unjudged} it said nothing" if self.unjudged else ""
        if self.share < Fraction(least):
            return (
                f"judge and people agree on {self.agreed} of {self.pairs} pairs ({_percent(self.share)} %){missing};"
                f" {_percent(Fraction(least))} % are asked for"
            )
        if self.kappa is None:
            return (
                f"judge and people give the same answer for all {self.pairs} pairs, so that agreement cannot be told"
                " from habit: the calibration needs pairs of which the first is better, and others with the second"
            )
        if self.kappa <= 0:
            return (
                f"judge and people agree on {self.agreed} of {self.pairs} pairs{missing}, which is no more than chance"
                f" (Cohen's kappa {_round_share(self.kappa)})"
            )
        return ""


def agreement_of(pairs: Sequence[Pair], opinions: Sequence[Opinion | None]) -> Agreement:
    """Compare what a judge has said with what people have.

    Cohen's kappa is (o - e) / (1 - e). o is the share of the pairs on which both agree. e is the share on which they
    would if each gave its answers as often as it does, but without looking: the sum over the answers of the product of
    both shares. J. Cohen, A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20
    (1960), 37-46. What the judge has not answered is an answer that people never give.

    Args:
        pairs: at least one.
        opinions: the judge's, in the same order; None where it has none.

    Raises:
        ValueError: there is no pair, or the lengths differ.
    """
    if not pairs:
        raise ValueError("agreement needs at least one pair")
    both = list(zip((pair.better for pair in pairs), opinions, strict=True))
    people, judge = Counter(better for better, _ in both), Counter(opinion for _, opinion in both)
    agreed = sum(better == opinion for better, opinion in both)
    observed = Fraction(agreed, len(both))
    expected = sum((Fraction(people[one] * judge[one], len(both) ** 2) for one in Opinion), Fraction(0))
    kappa = None if expected == 1 else (observed - expected) / (1 - expected)
    return Agreement(len(both), agreed, judge[None], kappa)


def read(lines: Iterable[str]) -> tuple[Pair, ...]:
    """The pairs of a calibration, one in each line; empty lines are left out.

    Raises:
        InvalidCorpus: a line is no pair, or there are too few or too many.
    """
    pairs: list[Pair] = []
    known: dict[tuple[str, ...], int] = {}
    for number, text in enumerate(lines, start=1):
        if not (written := text.strip()):
            continue
        pair = _pair(number, written)
        texts = (pair.request, pair.expected, *sorted((pair.first, pair.second)))
        if texts in known:
            raise InvalidCorpus(f"line {number}: the same pair as in line {known[texts]}")
        known[texts] = number
        pairs.append(pair)
        if len(pairs) > MOST_PAIRS:
            raise InvalidCorpus(f"there are more than {MOST_PAIRS} pairs: take a sample, such as with `shuf -n 200`")
    if len(pairs) < FEWEST_PAIRS:
        raise InvalidCorpus(
            f"there are {len(pairs)} pairs, and fewer than {FEWEST_PAIRS} cannot tell a good judge from a lucky one"
        )
    return tuple(pairs)


def _pair(number: int, text: str) -> Pair:
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidCorpus(f"line {number}: it is not JSON") from None
    if not isinstance(entry, dict):
        raise InvalidCorpus(f"line {number}: it is not a JSON object")
    if unknown := sorted(entry.keys() - set(_FIELDS)):
        raise InvalidCorpus(f"line {number}: {unknown[0]} is not known; a line has {', '.join(_FIELDS)}")
    if missing := [name for name in _NEEDED if name not in entry]:
        raise InvalidCorpus(f"line {number}: {missing[0]} is missing")
    if entry["better"] not in list(Opinion):
        raise InvalidCorpus(f"line {number}: better must be first, second or tie, not {show_json(entry['better'])}")
    texts = {name: text_of(entry.get(name)) for name in ("request", "first", "second", "expected")}
    if texts["first"] == texts["second"]:
        raise InvalidCorpus(f"line {number}: first and second are the same, so nobody has to judge")
    try:
        "".join(texts.values()).encode()
    except UnicodeEncodeError:
        raise InvalidCorpus(f"line {number}: an escape such as \\ud83d is half a character") from None
    return Pair(better=Opinion(entry["better"]), **texts)


def _round_share(share: Fraction) -> Decimal:
    return (Decimal(share.numerator) / share.denominator).quantize(_PLACES)


def _percent(share: Fraction) -> str:
    return f"{float(100 * share):.4g}"


CONTROLS: Final = (
    Pair(
        "What is the capital of France?",
        "Paris is the capital of France.",
        "Bread is baked from flour and water.",
        Opinion.FIRST,
        "Paris",
    ),
    Pair("How many legs has a spider?", "Forty thousand.", "A spider has eight legs.", Opinion.SECOND, "Eight"),
    Pair(
        "Translate into German: Good morning",
        "xq xq xq xq xq",
        "Guten Morgen",
        Opinion.SECOND,
        "Guten Morgen",
    ),
    Pair("What is 7 plus 5?", "7 plus 5 is 12.", "7 plus 5 is 3000.", Opinion.FIRST, "12"),
    Pair(
        "Which season follows winter?",
        "After winter comes spring.",
        "lorem lorem lorem lorem",
        Opinion.FIRST,
        "Spring",
    ),
    Pair("Name the largest ocean.", "The moon.", "The Pacific is the largest ocean.", Opinion.SECOND, "The Pacific"),
    Pair(
        "At what temperature in degrees Celsius does water freeze at sea level?",
        "Water freezes at 0 degrees Celsius.",
        "Water freezes at 900 degrees Celsius.",
        Opinion.FIRST,
        "0 degrees Celsius",
    ),
    Pair(
        "Who wrote Romeo and Juliet?",
        "It is a kind of cheese.",
        "William Shakespeare wrote it.",
        Opinion.SECOND,
        "William Shakespeare",
    ),
)
"""Questions that any reader gets right, half of them with the better answer first."""
CONTROLS_NEEDED: Final = 7
"""How many of the eight: a guesser of both orders gets so many right in one case of 2600."""
