"""What holds for all answers: like ones agree, lists in any order are matched as well as can be, and nothing raises."""

import json
import random
import time
from collections.abc import Callable, Mapping
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palier.answers.comparison import Answer, compare, compare_values, to_embed
from palier.answers.document import DEEPEST, document_of, is_too_deep
from palier.answers.rules import LARGEST_GROUP, normalize_text
from palier.answers.stream import text_of
from palier.api.v1alpha1 import Answers
from tests.support.thorough import examples

TEXTS = st.text(alphabet=st.characters(), max_size=6) | st.sampled_from(["", "x", "Ä", "1"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd") | TEXTS, inner, max_size=4),
    max_leaves=16,
)
PATH = st.lists(st.sampled_from([".a", ".b", "[0]", "[*]", ".*"]), max_size=3).map(lambda steps: "$" + "".join(steps))
CHECK = st.one_of(
    st.fixed_dictionaries(
        {"path": PATH, "compare": st.sampled_from(["Exact", "Normalized", "Shape", "Label", "Number"])}
    ),
    st.fixed_dictionaries(
        {"path": PATH, "ignore": st.lists(PATH, max_size=2), "unordered": st.lists(PATH, max_size=2)},
        optional={"tolerance": st.sampled_from([{"absolute": "0.5"}, {"relativePercent": "10"}])},
    ),
    st.fixed_dictionaries(
        {
            "path": PATH,
            "compare": st.just("Text"),
            "text": st.fixed_dictionaries({"metric": st.sampled_from(["rougeL", "rouge2", "chrf", "bleu", "tokenF1"])}),
        }
    ),
)
ANSWERS = st.lists(CHECK, min_size=1, max_size=3).map(
    lambda checks: Answers.model_validate({"checks": [{"name": f"c{at}", **one} for at, one in enumerate(checks)]})
)
MUTUAL = ANSWERS.filter(
    lambda answers: all(one.tolerance is None or not one.tolerance.relative for one in answers.effective_checks)
)


def body(value: object) -> Answer:
    """A successful answer."""
    return Answer(200, json.dumps(value))


def shuffled(value: Any, draw: random.Random) -> Any:  # noqa: ANN401
    """The same document with its fields in another order."""
    if isinstance(value, dict):
        names = list(value)
        draw.shuffle(names)
        return {name: shuffled(value[name], draw) for name in names}
    return [shuffled(one, draw) for one in value] if isinstance(value, list) else value


@given(JSON, ANSWERS, st.randoms(use_true_random=False))
def test_an_answer_agrees_with_itself(document: Any, answers: Answers, draw: random.Random) -> None:  # noqa: ANN401
    """However its fields are ordered, and whatever is checked; only fields of a text cannot be told."""
    compared = compare(body(document), body(shuffled(document, draw)), answers)

    if any(check.compare == "Text" for check in answers.effective_checks) and isinstance(document, dict | list):
        return  # texts of objects: see below
    told = [result.agrees for result in compared.results]
    assert set(told) <= ({True} if isinstance(document, dict | list) else {True, None})
    assert compared.agrees is not False


@given(JSON, ANSWERS)
def test_texts_of_objects_do_not_depend_on_their_order(document: Any, answers: Answers) -> None:  # noqa: ANN401
    """A check by `Text` of an object compares its JSON with the fields in the order of their names."""
    turned = json.loads(json.dumps(document), object_pairs_hook=lambda pairs: dict(reversed(pairs)))

    assert compare(body(document), body(turned), answers).agrees is not False


@given(JSON, JSON, MUTUAL)
def test_agreement_is_mutual(one: Any, other: Any, answers: Answers) -> None:  # noqa: ANN401
    """Without BLEU, chrF and relative tolerances it does not matter which of the two is the reference."""
    if any(check.text is not None and check.text.metric in {"bleu", "chrf"} for check in answers.effective_checks):
        return

    assert compare(body(one), body(other), answers).agrees is compare(body(other), body(one), answers).agrees


@given(JSON, JSON)
def test_the_whole_document_is_compared_as_json_defines_it(one: Any, other: Any) -> None:  # noqa: ANN401
    """Without rules, two documents agree exactly when their canonical texts do."""

    def canonical(value: Any) -> str:  # noqa: ANN401
        return json.dumps(_numbers_as_such(value), sort_keys=True)

    expected = canonical(one) == canonical(other)

    assert compare(body(one), body(other), Answers()).agrees is expected
    assert compare(body(one), body(json.loads(json.dumps(one))), Answers()).agrees is True


def _numbers_as_such(value: Any) -> Any:  # noqa: ANN401
    """The same document with every whole float as an integer."""
    if isinstance(value, dict):
        return {name: _numbers_as_such(one) for name, one in value.items()}
    if isinstance(value, list):
        return list(map(_numbers_as_such, value))
    return int(value) if isinstance(value, float) and value.is_integer() else value


@given(st.lists(JSON, max_size=8), st.randoms(use_true_random=False))
def test_a_list_in_any_order(values: list[Any], draw: random.Random) -> None:
    """Any order of the same elements agrees, and losing or changing one does not."""
    answers = Answers.model_validate({"checks": [{"name": "x", "unordered": ["$"]}]})
    mixed = list(values)
    draw.shuffle(mixed)

    assert compare(body(values), body(mixed), answers).agrees is True
    assert compare(body(values), body([*mixed, "another"]), answers).agrees is False
    assert compare(body([*values, "one"]), body(["other", *mixed]), answers).agrees is False


NEAR = st.lists(st.integers(0, 8) | st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=5)


@given(NEAR, NEAR, st.sampled_from(["1", "2"]))
@settings(max_examples=examples(75, thorough=400))
def test_a_matching_is_found_whenever_there_is_one(one: list[Any], other: list[Any], width: str) -> None:
    """With a tolerance: the same verdict as trying every order."""
    answers = Answers.model_validate({"checks": [{"name": "x", "unordered": ["$"], "tolerance": {"absolute": width}}]})
    in_order = Answers.model_validate({"checks": [{"name": "x", "tolerance": {"absolute": width}}]})

    expected = any(compare(body(one), body(list(order)), in_order).agrees for order in permutations(other))

    assert compare(body(one), body(other), answers).agrees is expected


@given(st.lists(st.dictionaries(st.sampled_from("ab"), st.integers(0, 2)), min_size=1, max_size=5), st.data())
def test_a_partial_matching_is_found(expected: list[dict[str, int]], data: st.DataObject) -> None:
    """Objects with more fields than expected, in any order."""
    answers = Answers.model_validate({"checks": [{"name": "x", "unordered": ["$"]}]})
    more = [data.draw(st.dictionaries(st.sampled_from("abc"), st.integers(0, 2))) | one for one in expected]
    order = data.draw(st.permutations(more))

    assert compare_values(expected, body(order), answers).agrees is True
    assert compare_values([*expected, {"z": 1}], body([*order, {"z": 2}]), answers).agrees is False


@pytest.mark.parametrize(
    "make", [lambda number: number / 3, lambda number: {"label": str(number), "score": number / 7}]
)
def test_large_lists_do_not_explode(make: Callable[[int], object]) -> None:
    """Thousands of elements in any order, with a tolerance: numbers in order, objects by their labels."""
    answers = Answers.model_validate(
        {"checks": [{"name": "x", "unordered": ["$"], "tolerance": {"absolute": "0.001"}}]}
    )
    values = [make(number) for number in range(5000)]
    mixed = random.Random(1).sample(values, len(values))  # noqa: S311 - the same order every time
    began = time.process_time()

    assert compare(body(values), body(mixed), answers).agrees is True
    assert compare(body(values), body([*mixed[:-1], make(9999)]), answers).agrees is False

    assert time.process_time() - began < 2


def test_lists_in_lists_do_not_explode() -> None:
    """Every pair of elements is a matching of its own; there is an end to that."""
    answers = Answers.model_validate(
        {"checks": [{"name": "x", "unordered": ["$", "$[*]", "$[*][*]"], "tolerance": {"absolute": "0.5"}}]}
    )
    size = LARGEST_GROUP // 2
    one = [[[a + b + c for c in range(size)] for b in range(size)] for a in range(8)]
    other = [[[a + b + c + 0.25 for c in range(size)][::-1] for b in range(size)][::-1] for a in range(8)][::-1]
    began = time.process_time()

    assert compare(body(one), body(other), answers).agrees is True

    assert time.process_time() - began < 5


@given(st.text(alphabet=st.characters(), max_size=30))
@settings(max_examples=examples(100, thorough=500))
def test_normal_forms_are_stable(text: str) -> None:
    """Normalizing again, in the other case or with accents as marks of their own, changes nothing."""
    assert normalize_text(normalize_text(text)) == normalize_text(text)
    assert normalize_text(f" {text}!\n") == normalize_text(text)
    assert normalize_text(text + "é") == normalize_text(text + "e\u0301") == normalize_text(text + "E")


def test_normal_forms_of_all_letters_are_stable() -> None:
    """Of every character below U+3000, where the alphabets are: no folding makes something that folds again."""
    unstable = [
        chr(code) for code in range(0x3000) if normalize_text(normalize_text(chr(code))) != normalize_text(chr(code))
    ]

    assert unstable == []


HOSTILE: Mapping[str, str] = {
    "deep lists": "[" * 3_000,
    "deep lists that end": "[" * 3_000 + "]" * 3_000,
    "deep objects": '{"a":' * 2_000 + "1" + "}" * 2_000,
    "nearly too deep": "[" * DEEPEST + "]" * DEEPEST,
    "a level too deep": "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
    "deep and wide": "[" + ",".join(["[" * 50 + "]" * 50] * 8) + "]",
    "many digits": '{"a": ' + "9" * 5_000 + "}",
    "large integer": '{"a": ' + "9" * 4_000 + "}",
    "large exponent": '{"a": 1e999999}',
    "negative large exponent": '{"a": -1e400}',
    "small exponent": '{"a": 1e-999999}',
    "spelled number": '{"a": "1e9999"}',
    "spelled large number": '{"a": "' + "9" * 5_000 + '"}',
    "not a number": '{"a": NaN}',
    "infinity": "-Infinity",
    "lone surrogates": '{"a": "\\ud800", "\\udfff": "\\ud83d"}',
    "surrogates in the text": '{"a": "\ud800"}',
    "no JSON, and surrogates": "\udc80 text \ud800",
    "long and strange names": '{"' + "x\\u001b" * 500 + '": {"' + "y" * 500 + '": 1}}',
    "twice": '{"a": 1, "a": [2], "a": "x"}',
    "zero bytes": "\x00",
    "a mark": "\ufeff\ufeff{}",
    "empty": "",
    "spaces": " \t\n\r ",
    "cut off": '{"a": [1, 2',
    "events": "data: {\n\ndata: [[[[\n\ndata",
    "deep events": "data: " + "[" * 3_000 + "\n\n",
}

EVERY_CHECK = [
    {"compare": compare_as, "path": path}
    for compare_as in ("Exact", "Normalized", "Json", "Shape", "Label", "Number", "Text")
    for path in ("$", "$.a", "$[*][*]", "$.*")
] + [
    {"path": path, "ignore": ["$.b", "$[*][0]"], "unordered": ["$", "$.a", "$[*]"], "tolerance": tolerance}
    for path in ("$", "$.a")
    for tolerance in ({"absolute": "0.1"}, {"relativePercent": "999999999999"}, {"absolute": "999999999999.999999"})
]


@pytest.mark.parametrize("one", HOSTILE)
def test_no_answer_breaks_a_comparison(one: str) -> None:
    """Every hostile body against every other, by every check, streamed or not: a verdict, and words to be written."""
    numbered = [{"name": f"c{place}", **check} for place, check in enumerate(EVERY_CHECK)]
    groups = [Answers.model_validate({"checks": numbered[at : at + 8]}) for at in range(0, len(numbered), 8)]
    for other in HOSTILE:
        for streamed in (False, True):
            reference = Answer(200, HOSTILE[one], streamed=streamed)
            candidate = Answer(200, HOSTILE[other])
            for answers in groups:
                for compared in (
                    compare(reference, candidate, answers),
                    compare_values(HOSTILE[one], candidate, answers),
                    compare_values({"a": HOSTILE[one]}, reference, answers),
                ):
                    assert compared.agrees in {True, False, None}
                    assert compared.message.isprintable()
                    assert len(compared.message) < 500
                assert to_embed(reference, candidate, answers) == {}


@given(
    st.text(alphabet=st.characters(), max_size=60)
    | st.binary(max_size=60).map(lambda raw: raw.decode("utf-8", "replace")),
    JSON,
)
def test_no_text_breaks_a_comparison(text: str, document: Any) -> None:  # noqa: ANN401
    """Any text as a body or a stream, and any document as what is expected."""
    for streamed in (False, True):
        answer = Answer(200, text, streamed=streamed)
        assert compare(body(document), answer, Answers()).agrees in {True, False}
        assert compare(answer, answer, Answers()).agrees is not False
        assert compare_values(document, answer, Answers()).agrees in {True, False}
    assert isinstance(text_of(text, "$"), str)


def test_depth_has_one_limit() -> None:
    """A document is JSON up to it and text beyond, however deep the caller's own stack is."""
    for levels, is_text in ((DEEPEST, False), (DEEPEST + 1, True), (900, True)):
        for text in ("[" * levels + "]" * levels, '{"a":' * (levels - 1) + "{}" + "}" * (levels - 1)):
            assert isinstance(document_of(text), str) is is_text, (levels, text[:3])
    assert not is_too_deep([[]] * 1000)


def test_large_numbers_are_compared() -> None:
    """Integers exactly, whatever their size; what no float can hold is infinite."""
    near = Answers.model_validate({"checks": [{"name": "x", "tolerance": {"relativePercent": "1"}}]})
    digits = "9" * 400

    assert compare(Answer(200, digits), Answer(200, digits[:-1] + "8"), Answers()).agrees is False
    assert compare(Answer(200, digits), Answer(200, digits[:-1] + "8"), near).agrees is True
    assert compare(Answer(200, "1e400"), Answer(200, "1e999"), Answers()).agrees is True
    assert compare(Answer(200, "1e400"), Answer(200, "-1e400"), near).agrees is False
    assert compare(Answer(200, "1e400"), Answer(200, digits), near).agrees is False
    assert compare(Answer(200, "9007199254740993"), Answer(200, "9007199254740992.0"), Answers()).agrees is False
