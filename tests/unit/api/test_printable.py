"""Text of others: shown, never obeyed, and recognised again where it has to be."""

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.api.printable import make_json_printable, make_printable, make_status_printable
from palier.api.status.conditions import condition

ANY = st.text(alphabet=st.characters(codec=None))
"""Texts with lone surrogates, as Python has them of files and arguments that are no UTF-8."""

STRANGE = {
    "plain": ("5 % of the requests, 250 ms", "5 % of the requests, 250 ms"),
    "colour": ("\x1b[31mred", r"\x1b[31mred"),
    "newline": ("two\nlines\r\n\tand a tab", r"two\nlines\r\n\tand a tab"),
    "C1": ("\x9b2J\x7f", r"\x9b2J\x7f"),
    "bidi": ("a\u202egnp.exe", r"a\u202egnp.exe"),
    "isolate": ("\u2066x\u2069", r"\u2066x\u2069"),
    "separators": ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
    "surrogate": ("\ud800", r"\ud800"),
    "invisible": ("\ufeffa\u200bb\U000e0041", r"\ufeffa\u200bb\U000e0041"),
    "letters": ("Größe ½ → 語 می‌خواهم 👩‍🔬", "Größe ½ → 語 می‌خواهم 👩‍🔬"),
    "escaped already": (r"\x1b", r"\x1b"),
}


@pytest.mark.parametrize(("text", "shown"), STRANGE.values(), ids=STRANGE)
def test_what_would_be_obeyed_is_shown(text: str, shown: str) -> None:
    """Letters of every script stay as they are."""
    assert make_printable(text) == shown


def obeyed(text: str) -> set[str]:
    """The categories of the characters that a terminal would not print."""
    return {category for one in text if (category := unicodedata.category(one)) in {"Cc", "Cs", "Zl", "Zp"}}


@given(ANY)
def test_no_text_keeps_a_control_character(text: str) -> None:
    """Whatever it is, and doing it twice changes nothing more."""
    shown = make_printable(text)

    assert obeyed(shown) == set()
    assert make_printable(shown) == shown
    assert shown.encode().decode() == shown
    assert set(make_printable(text, keep="\n")) & {"\r", "\x1b", "\x9b", "\u202e"} == set()
    assert make_printable(text, keep="\n").count("\n") == text.count("\n")


@given(st.recursive(ANY, lambda inner: st.lists(inner) | st.dictionaries(ANY, inner)))
def test_json_means_the_same_afterwards(document: Any) -> None:  # noqa: ANN401
    """A program reads what it would have read."""
    shown = make_json_printable(json.dumps(document, ensure_ascii=False))

    assert obeyed(shown) == set()
    assert json.loads(shown) == json.loads(json.dumps(document, ensure_ascii=True))


def test_a_condition_is_printable() -> None:
    """Whoever makes one, and whatever for."""
    made = condition(
        "Ready", "False", reason="Rejected", message="admission webhook: \x1b]0;owned\x07", observed_generation=1
    )

    assert made["message"] == r"admission webhook: \x1b]0;owned\x07"


def test_the_sentences_of_a_status_are_printable_and_its_memory_stays() -> None:
    """A segment whose counts are remembered, and a retry that was handled, are compared with what comes later."""
    bad, shown = "\x1b[2J", r"\x1b[2J"
    status = {
        "handledRetry": bad,
        "stable": {"revision": "a", "model": "lingua" + bad * 62},
        "verdicts": [{"objective": "errors", "message": bad, "segments": [bad]}],
        "outcome": {"message": bad},
        "release": {"breach": bad, "evidence": [{"objective": "errors", "segments": [{"name": bad}]}]},
        "golden": {"about": [bad], "message": bad},
    }
    made = make_status_printable(status)

    assert made["handledRetry"] == bad
    assert made["release"]["evidence"] == status["release"]["evidence"]  # type: ignore[index]
    assert (made["outcome"], made["release"]["breach"], made["golden"]["message"]) == ({"message": shown}, shown, shown)
    assert made["verdicts"][0]["message"] == shown
    assert len(made["stable"]["model"]) == len(status["stable"]["model"])  # type: ignore[index]
    assert "\x1b" not in json.dumps([made["stable"], made["verdicts"], made["golden"]], ensure_ascii=False)
    assert make_status_printable(made) == made
