"""Functions of the operator and of palier-instrument have names that can be read aloud: verb and object, or a noun."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OPERATOR = ROOT / "operator" / "palier"
INSTRUMENT = ROOT / "instrument" / "palier_instrument"


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall("[a-z]+", text))


IRREGULAR = _words(
    "begun born drawn found given gone held hidden kept known lent made met risen said seen sent shown spent taken told"
    " won written"
)
"""Participles that do not end in -ed."""

NO_VERBS = _words(
    "about above after against alone apart around at before behind below beneath beside between beyond coarser cautious"
    " deeper direct else enough exact every everywhere fairly fast foreign fresh further here idle impossible in inside"
    " instead into late like live loose missing more most near none nothing of on once only ours over same short silent"
    " sparse stale surely there to together unclear undecided unless unreadable unreachable until unseen untold usable"
    " visible when where whole within without worse worst"
)
"""Adjectives, adverbs and prepositions: alone, they leave the reader to guess what is done with what."""

NO_PARTICIPLES = frozenset({"feed", "need", "seed", "speed"})
"""Words that only look like participles."""

ALLOWED = {
    "workers/golden/judge.py LiveJudge.ended": "named like the field `ended` of `Votes` that it passes on",
}
"""Functions that may be named by one such word, each with its reason."""


def _names(node: ast.AST, owner: str = "") -> Iterator[str]:
    """All functions and methods below a node of the syntax tree, with the classes that hold them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{owner}{child.name}"
        yield from _names(child, f"{owner}{child.name}." if isinstance(child, ast.ClassDef) else owner)


def _is_unclear(name: str) -> bool:
    """Whether a function is named by one participle, adjective, adverb or preposition."""
    word = name.rpartition(".")[2].strip("_")
    participle = word in IRREGULAR or (word.endswith("ed") and word not in NO_PARTICIPLES)
    return "_" not in word and (participle or word in NO_VERBS)


@pytest.mark.parametrize("name", ["told", "_Case.passed", "Answers.of", "_together", "recommended"])
def test_one_participle_or_preposition_is_no_name(name: str) -> None:
    """`answers.of(key)` says nothing of what is looked up, and `told(result)` nothing of who tells whom what."""
    assert _is_unclear(name)


@pytest.mark.parametrize("name", ["describe_step", "Bets.is_won", "seed", "from_counts", "__init__", "summary"])
def test_verbs_with_objects_and_nouns_are_names(name: str) -> None:
    """Verbs with what they do it to, questions that begin with `is`, and nouns."""
    assert not _is_unclear(name)


def test_functions_are_named_by_verbs_or_nouns() -> None:
    """Every function says what it does; the few exceptions are there and have a reason."""
    unclear = {
        f"{file.relative_to(package)} {name}"
        for package in (OPERATOR, INSTRUMENT)
        for file in package.rglob("*.py")
        for name in _names(ast.parse(file.read_text(encoding="utf-8")))
        if _is_unclear(name)
    }
    assert unclear == set(ALLOWED)
