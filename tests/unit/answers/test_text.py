"""Text metrics: the numbers of their reference implementations, on texts of every kind."""

# ruff: noqa: RUF001, S311 - letters that look like others are what is tested, and seeds make texts that stay the same

import math
import random
import time
import unicodedata
from collections.abc import Sequence
from itertools import groupby, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer
from sacrebleu import sentence_bleu, sentence_chrf
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp

from palier.answers import text as metrics
from palier.answers.text import METRICS, PERCENT_METRICS, likeness, longest_common, score

EXACT = 1e-9
"""The criterion is 1e-6; there is no reason to be worse than rounding."""

PIECES = (
    "",
    " ",
    " \t \n ",
    "\u00a0",
    "the cat sat on the mat",
    "The cat sat on a mat.",
    "a cat; an apple, the end -- isn't it?",
    "The the THE",
    "Zażółć gęślą jaźń, proszę!",
    "L'été, à Genève : 3,5 °C — « déjà » vu…",
    "Größe, Straße, STRASSE, Öl",
    "İstanbul'da ılık bir gün, IĞDIR",
    "Быстрая коричневая лиса перепрыгивает через собаку",
    "Быстрая лиса, собака и sudo apt-get",
    "敏捷的棕色狐狸跳过了懒狗。",
    "敏捷的狐狸跳过了狗, 价格是 1,234.50 元",
    "素早い茶色の狐が、のろまな犬を飛び越える",
    "빠른 갈색 여우가 게으른 개를 뛰어넘는다",
    "الثعلب البني السريع يقفز فوق الكلب الكسول",
    "השועל החום המהיר קופץ מעל הכלב העצלן",
    "तेज़ भूरी लोमड़ी आलसी कुत्ते के ऊपर कूदती है",
    "สุนัขจิ้งจอกสีน้ำตาลกระโดดข้ามสุนัขขี้เกียจ",
    "γρήγορη ΑΛΕΠΟΎ ς σ",
    "👩‍👩‍👧 👍🏽 🇫🇷 ok",
    "👩‍👩‍👧 👍 🇩🇪 ok",
    "e\u0301te\u0301 vs \u00e9t\u00e9",
    "K\u212aelvin ﬁne ① ½",
    "line one\nline two\r\nline\u2028three\u0085four",
    "tab\tseparated\tvalues\t1\t2",
    "a\u00a0b\u202fc\u3000d",
    "well-\nknown hyphen-\nation <skipped> &quot;quoted&quot; &amp;amp; &lt;b&gt;",
    "3.14, 1,000.5 -2 10-20 $5 50% a_b c/d {x}[y]|z~ ^`",
    "zero\u200bwidth\ufeff soft\u00adhyphen",
    "lone \ud83d surrogate",
    "\x00\x1f control",
    '{"language": "fr", "confidence": 0.93}',
    "word " * 50,
    "x",
    "x y",
    "x y z",
)


def _long(seed: int, *, words: int, vocabulary: int) -> str:
    draw = random.Random(seed)
    marks = ("", "", "", ",", ".", " é", "\n")
    return " ".join(f"w{draw.randrange(vocabulary)}{draw.choice(marks)}" for _ in range(words))


LONG = _long(1, words=2500, vocabulary=300)
CHANGED = " ".join(word for number, word in enumerate(LONG.split(" ")) if number % 7) + " and an end"
LONG_PAIRS = (
    (LONG, CHANGED),
    (LONG, _long(2, words=1500, vocabulary=300)),
    (LONG, ""),
    ("the cat", LONG),
    ("字" * 4000, "字符" * 2000),
)


def _reference(metric: str, reference: str, candidate: str) -> float:
    """The score by the program that defines it."""
    match metric:
        case "bleu":
            return float(sentence_bleu(candidate, [reference]).score)
        case "chrf":
            return float(sentence_chrf(candidate, [reference]).score)
        case _:
            scorer = rouge_scorer.RougeScorer([metric], use_stemmer=False)
            return float(scorer.score(reference, candidate)[metric].fmeasure)


def _squad_words(text: str) -> list[str]:
    """SQuAD's normal form by another way: letter by letter, in runs of what a word is made of."""
    spoken = [one for one in text.lower() if one not in r"""!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~"""]
    runs = ("".join(run) for _, run in groupby(spoken, key=lambda one: one.isalnum() or one == "_"))
    return "".join(" " if run in {"a", "an", "the"} else run for run in runs).split()


def _squad_f1(reference: str, candidate: str) -> float:
    expected, given = _squad_words(reference), _squad_words(candidate)
    if not (expected and given):
        return 1.0 if expected == given else 0.0
    left, common = list(expected), 0
    for word in given:
        if word in left:
            left.remove(word)
            common += 1
    return 2 * common / (len(expected) + len(given))


@pytest.mark.parametrize("metric", ["rouge1", "rouge2", "rougeL", "bleu", "chrf"])
def test_scores_are_those_of_the_reference_implementation(metric: str) -> None:
    """Every pair of short texts in many scripts, and pairs of thousands of words."""
    pairs = [*product(PIECES, repeat=2), *LONG_PAIRS]

    wrong = [
        (one[:40], other[:40])
        for one, other in pairs
        if abs(score(metric, one, other) - _reference(metric, one, other)) > EXACT
    ]

    assert len(pairs) > 1500
    assert wrong == []


def test_token_f1_follows_the_rules_of_squad() -> None:
    """The same corpus against a second derivation of the rules."""
    pairs = [*product(PIECES, repeat=2), *LONG_PAIRS]

    wrong = [pair for pair in pairs if abs(score("tokenF1", *pair) - _squad_f1(*pair)) > EXACT]

    assert wrong == []


@pytest.mark.parametrize(
    ("reference", "candidate", "expected"),
    [
        ("", "", 1.0),
        ("", "x", 0.0),
        ("x", "", 0.0),
        ("the", "a", 1.0),  # nothing is left of both
        ("the", "cat", 0.0),
        ("The cat.", "cat", 1.0),
        ("the cat sat", "cat sat down", 2 * 2 / 5),
        ("theatre", "atre", 0.0),  # an article is a whole word
        ("x x y", "x y y", 2 / 3),
        ("isn't", "isnt", 1.0),
    ],
)
def test_token_f1_by_hand(reference: str, candidate: str, expected: float) -> None:
    """Values that a reader can check in the head."""
    assert score("tokenF1", reference, candidate) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("rouge1", 2 * 5 / 12), ("rouge2", 2 * 3 / 10), ("rougeL", 2 * 5 / 12), ("exact", 0.0)],
)
def test_scores_by_hand(metric: str, expected: float) -> None:
    """Of six words each five are common and in order, of five pairs three."""
    assert score(metric, "the cat sat on the mat", "the cat sat on a mat") == pytest.approx(expected, abs=1e-12)


def test_exact_is_exact() -> None:
    """Accents that look the same and white space at the end are differences."""
    assert score("exact", "été", "été") == 1.0
    assert score("exact", "\u00e9", "e\u0301") == 0.0
    assert score("exact", "x", "x ") == 0.0


def test_unknown_metrics_are_named() -> None:
    """A misspelled metric is no score of zero."""
    for measure in (score, likeness):
        with pytest.raises(ValueError, match="unknown metric 'rouge-l': it is one of rougeL"):
            measure("rouge-l", "x", "x")


def test_sacrebleu_keeps_no_text() -> None:
    """Its tokenizers remember what they have seen; answers of users must not stay in memory."""
    score("bleu", "a secret of a user", "another secret")

    assert Tokenizer13a.__call__.cache_info().currsize == 0
    assert TokenizerRegexp.__call__.cache_info().currsize == 0


def test_long_texts_are_fast() -> None:
    """Twenty thousand words against as many: the table of the textbook would have 400 million cells."""
    draw = random.Random(3)
    one, other = (" ".join(f"w{draw.randrange(2000)}" for _ in range(20_000)) for _ in range(2))
    began = time.process_time()

    assert 0 < score("rougeL", one, other) < 1

    assert time.process_time() - began < 1.0


def _table(first: Sequence[object], second: Sequence[object]) -> int:
    """Length of the longest common subsequence as textbooks have it."""
    above = [0] * (len(second) + 1)
    for one in first:
        row = [0]
        for place, other in enumerate(second):
            row.append(above[place] + 1 if one == other else max(above[place + 1], row[-1]))
        above = row
    return above[-1]


@given(st.lists(st.integers(0, 5), max_size=60), st.lists(st.integers(0, 5), max_size=60), st.integers(1, 70))
@settings(max_examples=150)
def test_longest_common_subsequence(first: list[int], second: list[int], block: int) -> None:
    """The length of the textbook's table, whatever the size of the blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "_BLOCK", block)

        assert longest_common(first, second) == _table(first, second)


def test_blocks_carry() -> None:
    """Sequences that are longer than a block, at its real size."""
    draw = random.Random(5)
    first = [draw.randrange(1000) for _ in range(40_000)]
    second = [one for one in first if draw.random() < 0.05]

    assert longest_common(first, second) == len(second)
    assert longest_common(second, first) == len(second)


WORDS = st.text(alphabet="aAbt he.,\n\té字👍\u0301", max_size=40) | st.text(max_size=20)


@given(WORDS)
def test_identical_texts_are_wholly_alike(text: str) -> None:
    """Whatever the metric, and whatever the script."""
    assert {metric: likeness(metric, text, text) for metric in METRICS} == dict.fromkeys(METRICS, 1.0)


@given(WORDS)
def test_identity(text: str) -> None:
    """A metric that reads anything of a text finds it identical to itself, on its own scale."""
    words = [one for one in metrics._WORD.findall(text.lower()) if one]
    expected = {"tokenF1": 1.0, "exact": 1.0}
    expected |= {"rouge1": float(bool(words)), "rougeL": float(bool(words)), "rouge2": float(len(words) > 1)}
    expected |= {"chrf": 100.0 * bool("".join(text.split()))}

    for metric, most in expected.items():
        assert score(metric, text, text) == pytest.approx(most, abs=1e-9), metric


@given(WORDS, WORDS)
def test_symmetry(one: str, other: str) -> None:
    """An F1 does not care which text is the reference; BLEU and chrF do."""
    for metric in ("rouge1", "rouge2", "rougeL", "tokenF1", "exact"):
        assert score(metric, one, other) == pytest.approx(score(metric, other, one), abs=1e-12), metric


def test_bleu_and_chrf_are_not_symmetric() -> None:
    """The order of the arguments matters: references come first."""
    for metric in PERCENT_METRICS:
        assert score(metric, "the cat sat on the mat", "the cat sat") < 60
        assert score(metric, "the cat sat on the mat", "the cat sat") != score(
            metric, "the cat sat", "the cat sat on the mat"
        )


@given(WORDS, WORDS)
def test_bounds(one: str, other: str) -> None:
    """Every score on its scale, and every likeness between 0 and 1."""
    for metric in METRICS:
        most = 100 if metric in PERCENT_METRICS else 1
        scored, alike = score(metric, one, other), likeness(metric, one, other)
        assert 0 <= scored <= most + 1e-9, metric
        assert 0 <= alike <= 1, metric
        assert one == other or alike == pytest.approx(min(scored / most, 1), abs=1e-12), metric
        assert isinstance(scored, float), metric


@given(st.lists(st.sampled_from("abcd"), min_size=2, max_size=30), st.integers(0, 29))
def test_losing_words_never_helps(words: list[str], place: int) -> None:
    """ROUGE-L of a text with one word taken away is what arithmetic says."""
    rest = words[: place % len(words)] + words[place % len(words) + 1 :]

    assert score("rougeL", " ".join(words), " ".join(rest)) == pytest.approx(2 * len(rest) / (2 * len(rest) + 1))


def test_rouge_is_blind_for_other_scripts() -> None:
    """As in its reference implementation: documented, and the reason to take chrF there."""
    one, other = "Быстрая лиса", "Быстрая собака"

    assert score("rougeL", one, other) == 0
    assert 0 < likeness("chrf", one, other) < 1
    assert likeness("tokenF1", one, other) == pytest.approx(0.5)
    assert unicodedata.category(one[0]) == "Lu"
    assert not math.isnan(score("bleu", one, other))
