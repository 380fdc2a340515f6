"""A request is worth more than its count: whatever happens, results and exceptions are those of the function."""

import inspect
import logging
from typing import NoReturn

import pytest

from palier_instrument import Category, Declaration, Number, Watch
from tests.support.instrument.page import Page

FEATURES = Declaration(
    [Number("amount", [10.0, 100.0]), Category("plan", ["free", "paid"])],
    [Number("score", [0.5])],
    Category("country", ["de", "fr"]),
)
ROW = {"amount": 50.0, "plan": "free", "country": "fr"}


def take_arguments(amount: float, plan: str = "paid", *, country: str = "de") -> float:
    """Each feature is an argument."""
    return amount / 1000 + (plan == "paid") + (country == "de")


def test_exceptions_pass_and_features_count_all_the_same() -> None:
    """What a model fails on is what the watch should see; a request that failed has no prediction."""
    counting = Watch(FEATURES, registry=None)
    failure = KeyError("none of your business")

    @counting
    def predict(order: object) -> NoReturn:
        assert order == ROW
        raise failure

    with pytest.raises(KeyError) as raised:
        predict(ROW)

    assert raised.value is failure
    page = Page(counting.ledger)
    assert page.read_number("amount", group="fr").events == 1
    assert page.read_number("score", group="fr", kind="prediction").events == 0
    assert page.count_errors() == {}


def test_features_are_counted_before_the_function_changes_them() -> None:
    """A model may use up its input."""
    counting = Watch(FEATURES, registry=None)

    assert counting(lambda order: order.pop("amount"))(dict(ROW)) == 50.0
    assert Page(counting.ledger).read_number("amount", group="fr").nulls == 0


def test_the_function_keeps_its_name_and_its_signature() -> None:
    """Frameworks read them to parse requests."""
    decorated = Watch(FEATURES, registry=None)(take_arguments)

    assert decorated.__name__ == "take_arguments"
    assert inspect.signature(decorated) == inspect.signature(take_arguments)


class Angry:
    """An order that raises when it is looked at, with a secret in the message."""

    plan = "free"

    @property
    def amount(self) -> float:
        """Refuse."""
        raise RuntimeError("the secret of a user")

    country = amount
    score = amount


def test_what_goes_wrong_is_counted_and_told_once_without_values(caplog: pytest.LogCaptureFixture) -> None:
    """The function's result is unchanged, the other features are counted, and the log has the place of the error."""
    counting = Watch(FEATURES, registry=None)
    order = Angry()

    with caplog.at_level(logging.WARNING):
        results = [counting(lambda order: order)(order) for _ in range(3)]

    assert results == [order] * 3
    page = Page(counting.ledger)
    assert page.count_errors() == {"features": 3, "prediction": 3, "group": 3}
    assert page.read_number("amount", group="(other)").unreadable == 3
    assert page.read_category("plan", group="(other)").counts["free"] == 3
    assert page.read_number("score", group="(other)", kind="prediction").unreadable == 3
    told = [record.getMessage() for record in caplog.records]
    assert [message.split(":")[1].strip() for message in told] == ["group", "features", "prediction"]
    assert all(f"RuntimeError in {__file__}, line" in message for message in told)
    assert "secret" not in caplog.text


def test_a_log_that_raises_changes_nothing() -> None:
    """A filter of the server's own is no reason to fail."""
    counting = Watch(FEATURES, registry=None)

    def refuse(_: logging.LogRecord) -> bool:
        raise RuntimeError

    logger = logging.getLogger("palier_instrument")
    logger.addFilter(refuse)
    try:
        counting.count(Angry())
    finally:
        logger.removeFilter(refuse)
    assert Page(counting.ledger).count_errors() == {"features": 1, "group": 1}


def test_arguments_that_the_function_refuses_are_its_own_error() -> None:
    """The exception is that of the call."""
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        Watch(FEATURES, registry=None)(take_arguments)()


def test_even_what_cannot_go_wrong_raises_into_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the arguments, nor the ledger, nor the count of errors itself."""
    counting = Watch(FEATURES, registry=None)
    decorated = counting(take_arguments)

    def refuse(*_: object) -> NoReturn:
        raise RecursionError

    with monkeypatch.context() as broken:
        broken.setattr("palier_instrument.arguments.Arguments.find_sources", refuse)
        assert decorated(50.0, "free", country="fr") == 0.05
    page = Page(counting.ledger)
    assert page.count_errors() == {"features": 1}
    assert page.read_number("amount", group="(other)").nulls == 1
    with monkeypatch.context() as broken:
        broken.setattr(counting.ledger, "add_event", refuse)
        assert decorated(50.0, "free", country="fr") == 0.05
    assert Page(counting.ledger).count_errors() == {"features": 2, "prediction": 1}
    with monkeypatch.context() as broken:
        broken.setattr(counting.ledger, "add_event", refuse)
        broken.setattr(counting.ledger, "add_error", refuse)
        assert decorated(50.0, "free", country="fr") == 0.05
