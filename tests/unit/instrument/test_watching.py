"""The decorator finds the features in the arguments, and leaves the function as it was."""

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pydantic
import pytest
from prometheus_client import CollectorRegistry

from palier.watch.features.profile import Categories, Numbers
from palier_instrument import Category, Declaration, DeclarationError, Number, Watch, watch
from tests.support.instrument.page import Page

AMOUNT = Number("amount", [10.0, 100.0])
PLAN = Category("plan", ["free", "paid"])
SCORE = Number("score", [0.5])
COUNTRY = Category("country", ["de", "fr"])
FEATURES = Declaration([AMOUNT, PLAN], [SCORE], COUNTRY)


@dataclass
class Order:
    """Features as a dataclass."""

    amount: object
    plan: object
    country: object


class Question(pydantic.BaseModel):
    """Features as a model of pydantic."""

    amount: float
    plan: str
    country: str


def take_arguments(amount: float, plan: str = "paid", *, country: str = "de") -> float:
    """Each feature is an argument."""
    return amount / 1000 + (plan == "paid") + (country == "de")


def take_any(**features: float) -> float:
    """Features by name."""
    return take_arguments(**features)  # type: ignore[arg-type]


def take_one(order: Mapping[str, Any]) -> float:
    """All of them in one argument."""
    return take_arguments(order["amount"], order["plan"], country=order["country"])


def take_object(order: Order) -> float:
    """All of them in one argument with attributes."""
    return take_arguments(order.amount, order.plan, country=order.country)


def take_one_and_group(order: Mapping[str, Any], country: str) -> float:
    """The group is an argument of its own."""
    return take_arguments(order["amount"], order["plan"], country=country)


ROW = {"amount": 50.0, "plan": "free", "country": "fr"}


@pytest.mark.parametrize(
    ("function", "call"),
    [
        (take_arguments, lambda function: function(50.0, "free", country="fr")),
        (take_arguments, lambda function: function(plan="free", amount=50.0, country="fr")),
        (take_any, lambda function: function(**ROW)),
        (take_one, lambda function: function(ROW)),
        (take_one, lambda function: function(order=ROW)),
        (take_object, lambda function: function(Order(**ROW))),
        (take_object, lambda function: function(Question(amount=50.0, plan="free", country="fr"))),
        (take_object, lambda function: function(SimpleNamespace(**ROW))),
        (take_one_and_group, lambda function: function({"amount": 50.0, "plan": "free"}, "fr")),
        (functools.partial(take_arguments, country="fr"), lambda function: function(50.0, "free")),
    ],
)
def test_features_are_found_in_the_arguments(function: Callable[..., float], call: Callable[..., float]) -> None:
    """Wherever a signature has them, positional or by keyword, and the result is that of the function."""
    counting = Watch(FEATURES, registry=None)

    assert call(counting(function)) == call(function) == 0.05

    page = Page(counting.ledger)
    assert page.read_number("amount", group="fr") == Numbers((10.0, 100.0), (0, 1, 0), total=50.0)
    assert page.read_category("plan", group="fr") == Categories({"free": 1, "paid": 0})
    assert page.read_number("score", group="fr", kind="prediction") == Numbers((0.5,), (1, 0), total=0.05)
    assert page.count_errors() == {}


def test_defaults_of_arguments_count() -> None:
    """A feature that a caller leaves out has the value that the function takes."""
    counting = Watch(FEATURES, registry=None)

    counting(take_arguments)(5.0)

    page = Page(counting.ledger)
    assert page.read_category("plan", group="de") == Categories({"free": 0, "paid": 1})
    assert page.read_number("amount", group="de").counts == (1, 0, 0)


def test_an_argument_can_be_named() -> None:
    """Where a function has more than one that may hold the features; methods have `self` besides."""
    counting = Watch(FEATURES, registry=None, argument="row")

    class Model:
        """Holds the function."""

        @counting
        def predict(self, session: object, row: dict[str, object]) -> object:
            """Answer with what is there."""
            return row if session is None else session

    assert Model().predict("session", ROW) == "session"
    assert Model().predict(None, row={**ROW, "score": 0.7}) == {**ROW, "score": 0.7}
    page = Page(counting.ledger)
    assert page.read_category("plan", group="fr").events == 2
    assert page.read_number("score", group="fr", kind="prediction") == Numbers((0.5,), (0, 1), unreadable=1, total=0.7)


def test_methods_hold_no_features_in_self() -> None:
    """The argument after it does."""
    counting = Watch(FEATURES, registry=None)

    class Model:
        """Holds the function."""

        amount = 1.0

        @counting
        def predict(self, row: dict[str, object]) -> object:
            """Answer with what is there."""
            return row["amount"]

    assert Model().predict(ROW) == 50.0
    assert Page(counting.ledger).read_number("amount", group="fr").counts == (0, 1, 0)


def take_two(first: object, second: object) -> None:
    """No argument is a feature, and there are two."""


def take_some(amount: float, other: object) -> None:
    """Only one of the features is an argument."""


def yield_answers(order: object) -> Iterator[object]:
    """What is yielded is no result."""
    yield order


async def yield_answers_later(order: object) -> AsyncIterator[object]:
    """What is yielded is no result."""
    yield order


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (take_two, r"take_two: none of its parameters \(first, second\) is a feature"),
        (take_some, "take_some: it has no parameter for 'plan'; say which one"),
        (lambda: None, r"none of its parameters \(none\) is a feature"),
        (yield_answers, "yield_answers: what it yields is no prediction"),
        (yield_answers_later, "yield_answers_later: what it yields is no prediction"),
        (functools.partial(yield_answers), "what it yields is no prediction"),
        (Order, "a function is decorated"),
        (classmethod(take_one), "below @classmethod"),
        (iter, "its parameters are not known"),
    ],
)
def test_what_is_not_clear_stops_the_start(function: Callable[..., object], words: str) -> None:
    """When it is decorated, and not in the first request."""
    with pytest.raises(DeclarationError, match=words):
        Watch(FEATURES, registry=None)(function)


def test_an_argument_that_is_not_there_stops_the_start() -> None:
    """With the name of the function."""
    with pytest.raises(DeclarationError, match="take_two has no parameter 'third'"):
        Watch(FEATURES, registry=None, argument="third")(take_two)


def test_functions_that_yield_can_have_their_features_counted() -> None:
    """Where no prediction is declared."""
    counting = Watch(Declaration([AMOUNT, PLAN]), registry=None)

    assert list(counting(yield_answers)(ROW)) == [ROW]
    assert Page(counting.ledger).read_number("amount").events == 1


async def test_async_functions_and_objects_are_awaited() -> None:
    """What they return is counted, not the coroutine; each stays what it was."""
    counting = Watch(FEATURES, registry=None)

    async def predict(order: object) -> float:
        await asyncio.sleep(0)
        return 0.7 if order else 0.0

    class Model:
        """An object that is called like an async function."""

        async def __call__(self, order: object) -> float:
            """Answer."""
            return await predict(order)

    assert inspect.iscoroutinefunction(counting(predict))
    assert await counting(predict)(ROW) == await counting(Model())(ROW) == 0.7
    assert Page(counting.ledger).read_number("score", group="fr", kind="prediction").counts == (0, 2)


@pytest.mark.parametrize(
    ("result", "place"),
    [
        (0.7, "0.7"),
        ({"score": 0.7}, "0.7"),
        (SimpleNamespace(score=0.7), "0.7"),
        ("0.7", "0.7"),
        (None, "missing"),
        ({}, "missing"),
        ([0.7], "unreadable"),
        (SimpleNamespace(), "unreadable"),
    ],
    ids=repr,
)
def test_the_prediction_is_the_result_or_what_it_has_by_that_name(result: object, place: str) -> None:
    """A mapping or an object has it by its name; a scalar is the prediction."""
    counting = Watch(Declaration((), SCORE), registry=None)  # type: ignore[arg-type]

    assert counting(lambda: result)() is result

    found = Page(counting.ledger).read_number("score", kind="prediction")
    assert found.events == 1
    assert {"0.7": found.counts[1], "missing": found.nulls, "unreadable": found.unreadable}[place] == 1


def test_values_deep_inside_have_a_path() -> None:
    """Of features, groups and predictions."""
    counting = watch(
        features=[Number("age", [40.0], path=("customer", "age"))],
        prediction=Category("label", ["spam"], path=("labels", 0)),
        group=Category("country", ["fr"], path=("customer", "country")),
        registry=None,
    )

    counting(lambda request: request)({"customer": {"age": 41, "country": "fr"}, "labels": ["spam", "ham"]})

    page = Page(counting.ledger)
    assert page.read_number("age", group="fr").counts == (0, 1)
    assert page.read_category("label", group="fr", kind="prediction").counts == {"spam": 1}


def test_rows_of_a_batch_are_counted_by_hand() -> None:
    """Each is an event, with its prediction or without one yet."""
    counting = Watch(FEATURES, registry=None)

    for row, score in (({**ROW, "plan": "gold"}, 0.2), ({"country": "es"}, None)):
        counting.count(row, prediction=score)
    counting.count(ROW)

    page = Page(counting.ledger)
    assert page.read_category("plan", group="fr") == Categories({"free": 1, "paid": 0}, 1)
    assert page.read_number("amount", group="(other)").nulls == 1
    assert page.read_number("score", group="fr", kind="prediction").events == 1
    assert page.read_number("score", group="(other)", kind="prediction").nulls == 1


def test_groups_that_are_not_declared_are_counted_together() -> None:
    """Also those without one, unless the declaration has a place for them."""
    rows: list[dict[str, object]] = [{"country": "de"}, {"country": "es"}, {"country": None}, {"country": []}, {}]
    plain = Watch(Declaration([AMOUNT], (), COUNTRY), registry=None)
    with_place = Watch(Declaration([AMOUNT], (), Category("country", ["de", "(none)"])), registry=None)
    for row in rows:
        plain.count(row)
        with_place.count(row)

    events = [
        [Page(one.ledger).read_number("amount", group=group).events for group in one.declaration.groups]
        for one in (plain, with_place)
    ]
    assert events == [[1, 0, 4], [1, 2, 2]]


def test_a_registry_has_one_watch() -> None:
    """Two would export the same names; the same one may decorate many functions."""
    registry = CollectorRegistry()
    counting = watch(FEATURES, registry=registry)
    counting(take_one)(ROW)
    counting(take_arguments)(50.0)

    assert Page(registry).read_number("amount", group="fr").events == 1
    assert Page(registry).read_number("amount", group="de").events == 1
    with pytest.raises(DeclarationError, match="the registry has a watch already"):
        watch(FEATURES, registry=registry)


@pytest.mark.parametrize("name", ["PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"])
def test_the_mode_for_several_processes_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It would export nothing, and nobody would know."""
    monkeypatch.setenv(name, "/nowhere")
    with pytest.raises(DeclarationError, match="run one process in each pod"):
        watch(FEATURES, registry=None)


def test_the_declaration_is_given_once() -> None:
    """As one object or in parts, and never the function itself."""
    with pytest.raises(DeclarationError, match="part of the declaration"):
        watch(FEATURES, group=COUNTRY, registry=None)
    with pytest.raises(DeclarationError, match="with parentheses"):
        watch(take_one)  # type: ignore[arg-type]
