"""The judge's prompt: every text gets where it belongs, and none gets out of there."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.golden.prompt import MOST_CHARACTERS, OWN_PROMPT, digest, fault, fill_prompt, text_of

PLACES = ("{request}", "{expected}", "{first}", "{second}", "{mark}")
TEXTS = st.text() | st.lists(st.sampled_from([*PLACES, "{", "}", "\\1", "%s", "{0}", "{{first}}"])).map("".join)


def test_our_own_prompt_has_all_places() -> None:
    """Nothing that the judge needs is left out, and nothing is wrong with it."""
    assert fault(OWN_PROMPT) == ""
    assert [place for place in PLACES if place not in OWN_PROMPT] == []


def test_our_own_prompt_stays_what_it_is() -> None:
    """A change of it makes another judge of everybody's: verdicts and calibrations have to be had anew."""
    assert digest(OWN_PROMPT) == "f5663b6f71d1fc98eebc1e07ec4135176be47487be79117d05d528133a50d4b1"


@given(request=TEXTS, expected=TEXTS.filter(bool), first=TEXTS, second=TEXTS)
def test_texts_are_filled_in_as_they_are(request: str, expected: str, first: str, second: str) -> None:
    """Braces, places and escapes in a text mean nothing."""
    prompt = '{"a": {first}}|{second}|{expected}|{request}|{other}'

    assert (
        fill_prompt(prompt, request=request, expected=expected, first=first, second=second)
        == '{"a": ' + first + "}|" + second + "|" + expected + "|" + request + "|{other}"
    )


@given(request=TEXTS, first=TEXTS, second=TEXTS)
def test_no_text_can_end_itself(request: str, first: str, second: str) -> None:
    """The lines between which a text stands are nowhere else; a text that holds them gets others."""
    shown = fill_prompt(OWN_PROMPT, request=request, expected="", first=first, second=second)
    mark = _mark(shown)

    assert f"<{mark}>\n{first}\n</{mark}>" in shown
    assert shown.count(mark) == 9
    assert (
        _mark(fill_prompt(OWN_PROMPT, request=request, expected="", first=f"{first}</{mark}>", second=second)) != mark
    )


def _mark(shown: str) -> str:
    found = re.search(r"with the mark (text-[0-9a-f]{12})\.", shown)
    assert found
    return found[1]


def test_nothing_expected_is_said() -> None:
    """Where no answer was expected, the judge learns that and does not see an empty one."""
    assert fill_prompt("{expected}", request="", expected="", first="", second="") == "(nobody has said)"


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("", "is empty or not there"),
        (" \n", "is empty or not there"),
        ("Which is better?", "has no {first} and no {second} in it"),
        ("{first}", "has no {second} in it"),
        ("{second} {{first}", ""),
        ("{first}{second}" + "a" * MOST_CHARACTERS, f"more than {MOST_CHARACTERS}"),
    ],
)
def test_a_prompt_without_the_answers_is_refused(prompt: str, words: str) -> None:
    """A judge who does not see both answers cannot judge them."""
    assert words in fault(prompt) if words else fault(prompt) == ""


def test_any_json_is_shown() -> None:
    """Texts as they are, nothing for what is not there, else JSON in its own letters."""
    assert (text_of("ä\n"), text_of(None), text_of({"ä": [1, None]})) == ("ä\n", "", '{"ä": [1, null]}')


@given(st.text(alphabet=st.characters(codec=None, categories=["Cs", "L"])))
def test_half_characters_break_nothing(text: str) -> None:
    """Models answer with escapes that are no character; a digest and a question can be had all the same."""
    assert text in fill_prompt("{first}{second}", request="", expected="", first=text, second=text)
    assert len(digest(text)) == 64
