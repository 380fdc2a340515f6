"""The decorator, and counting by hand.

A request is worth more than its count. So everything that reads values of users stands between `try` and `except`, what
went wrong is counted, and told once in the log: with the kind of the error and the line that raised it, and without
its message, in which values of users may stand.
"""

import functools
import inspect
import logging
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, ParamSpec, TypeVar, cast

from prometheus_client import REGISTRY, CollectorRegistry

from palier_instrument.arguments import Arguments, list_steps, name_function
from palier_instrument.declaration import Category, Declaration, DeclarationError, Number, Step, Variable
from palier_instrument.ledger import NO_GROUP, Counter, Ledger, Place
from palier_instrument.values import NUMBERS, find_value, is_missing, name_category, unwrap

P = ParamSpec("P")
R = TypeVar("R")

_NOTHING: Final = object()
"""No prediction, which is not the same as the prediction None."""

_SCALARS: Final = (str, *NUMBERS)
"""Types of results that are the prediction themselves."""

log = logging.getLogger("palier_instrument")


class Watch:
    """Counts what a model is fed with and what it answers; as a decorator, of every call of a function.

    Args:
        declaration: what is counted.
        argument: the parameter of decorated functions that holds the features; None to find out.
        registry: where the series are exported; None to register `ledger` somewhere else.

    Raises:
        DeclarationError: the registry has a watch already, or prometheus-client is in its mode for several processes.
    """

    def __init__(
        self,
        declaration: Declaration,
        *,
        argument: str | None = None,
        registry: CollectorRegistry | None = REGISTRY,
    ) -> None:
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR") or os.environ.get("prometheus_multiproc_dir"):  # noqa: SIM112
            raise DeclarationError(
                "PROMETHEUS_MULTIPROC_DIR is set, and the mode of prometheus-client for several processes exports no"
                " counts of this package: run one process in each pod, and more pods"
            )
        self.declaration = declaration
        self.ledger = Ledger(declaration)
        self._argument = argument
        self._features = [(counter, list_steps(counter.variable)) for counter in self.ledger.features]
        self._groups = {name: place for place, name in enumerate(declaration.groups)}
        self._told: set[str] = set()
        if registry is not None:
            try:
                registry.register(self.ledger)
            except ValueError:
                raise DeclarationError(
                    "the registry has a watch already, or another metric of its names: decorate with the same one, or"
                    " give each its own registry"
                ) from None

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Count every call of a function: features before it, the prediction after it, none where it raises.

        Args:
            function: sync or async; its results and its exceptions stay as they are.

        Raises:
            DeclarationError: it is not clear where the features are, or the function yields its predictions.
        """
        if isinstance(function, type | classmethod):
            raise DeclarationError(f"a function is decorated, not {function!r}; write it below @classmethod")
        arguments = Arguments(function, self.declaration, self._argument)
        if self.declaration.predictions and (
            inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
        ):
            raise DeclarationError(
                f"{name_function(function)}: what it yields is no prediction; declare none, or call `count` by hand"
            )

        if _is_async(function):

            @functools.wraps(function)
            async def count_and_await(*args: P.args, **kwargs: P.kwargs) -> Any:  # noqa: ANN401 - as the function
                group = self._count_call(arguments, args, kwargs)
                result = await cast("Any", function(*args, **kwargs))
                self._count_prediction(result, group)
                return result

            return cast("Callable[P, R]", count_and_await)

        @functools.wraps(function)
        def count_and_call(*args: P.args, **kwargs: P.kwargs) -> R:
            group = self._count_call(arguments, args, kwargs)
            result = function(*args, **kwargs)
            self._count_prediction(result, group)
            return result

        return count_and_call

    def count(self, features: object, *, prediction: object = _NOTHING) -> None:
        """Count one event by hand, such as each row of a batch. Never raises.

        Args:
            features: a mapping or an object that has them, and the group.
            prediction: what the model has answered, if that is known yet.
        """
        group = self._count_features(features, features)
        if prediction is not _NOTHING:
            self._count_prediction(prediction, group)

    def report_error(self, part: str, error: Exception) -> None:
        """Count something that went wrong, and log the first of its part. Never raises."""
        with suppress(Exception):
            self.ledger.add_error(part)
            if part in self._told:
                return
            self._told.add(part)
            frames = traceback.extract_tb(error.__traceback__)
            place = f" in {frames[-1].filename}, line {frames[-1].lineno}" if frames else ""
            log.warning(
                "counting failed: %s: %s%s; the next ones are only in palier_instrument_errors_total",
                part,
                type(error).__name__,
                place,
            )

    def _count_call(self, arguments: Arguments, args: Sequence[object], kwargs: Mapping[str, object]) -> int:
        """Count the features of a call; returns the place of its group. Never raises."""
        try:
            source, group_source = arguments.find_sources(args, kwargs)
        except Exception as error:  # noqa: BLE001 - a request is worth more than its count
            self.report_error("features", error)
            source = group_source = None
        return self._count_features(source, group_source)

    def _count_features(self, source: object, group_source: object) -> int:
        """Count one event; returns the place of its group. Never raises."""
        group = self._find_group(group_source)
        if self._features:
            try:
                self.ledger.add_event(self.ledger.features, self._place_features(source), group)
            except Exception as error:  # noqa: BLE001 - a request is worth more than its count
                self.report_error("features", error)
        return group

    def _place_features(self, source: object) -> list[Place]:
        plain = type(source) is dict
        places: list[Place] = []
        for counter, steps in self._features:
            try:
                if plain and len(steps) == 1:
                    value = cast("dict[Step, object]", source).get(steps[0])
                else:
                    value = find_value(source, steps)
                places.append(counter.find_place(value))
            except Exception as error:  # noqa: BLE001 - the other features are counted all the same
                places.append((counter.bad, 0.0))
                self.report_error("features", error)
        return places

    def _count_prediction(self, result: object, group: int) -> None:
        """Count what a model has answered. Never raises."""
        predictions = self.ledger.predictions
        if predictions:
            try:
                places = [self._place_prediction(counter, result) for counter in predictions]
                self.ledger.add_event(predictions, places, group)
            except Exception as error:  # noqa: BLE001 - a request is worth more than its count
                self.report_error("prediction", error)

    def _place_prediction(self, counter: Counter, result: object) -> Place:
        try:
            return counter.find_place(_find_prediction(result, counter.variable))
        except Exception as error:  # noqa: BLE001 - the other predictions are counted all the same
            self.report_error("prediction", error)
            return counter.bad, 0.0

    def _find_group(self, source: object) -> int:
        category = self.declaration.group
        other = len(self._groups) - 1
        if category is None:
            return other
        try:
            value = find_value(source, list_steps(category))
            name = NO_GROUP if is_missing(value) else name_category(value, numeric=category.numeric)
            return other if name is None else self._groups.get(name, other)
        except Exception as error:  # noqa: BLE001 - a request is worth more than its count
            self.report_error("group", error)
            return other


def watch(
    declaration: Declaration | None = None,
    *,
    features: Sequence[Variable] = (),
    prediction: Variable | Sequence[Variable] = (),
    group: Category | None = None,
    argument: str | None = None,
    registry: CollectorRegistry | None = REGISTRY,
) -> Watch:
    """A decorator that counts what a function is called with and what it returns.

    Args:
        declaration: what is counted, such as `read_declaration` makes it; else the next three say it.
        features: what the model is fed with.
        prediction: what it answers.
        group: what groups of users are told apart by.
        argument: the parameter that holds the features; None to find out from the signature.
        registry: where the series are exported; None for nowhere.

    Raises:
        DeclarationError: what is declared cannot be exported, or is declared twice.
    """
    if declaration is None:
        predictions = (prediction,) if isinstance(prediction, Number | Category) else prediction
        declaration = Declaration(features, predictions, group)
    elif not isinstance(declaration, Declaration):
        raise DeclarationError("write @watch(features=[...]) or @watch(declaration), with parentheses")
    elif features or prediction or group:
        raise DeclarationError("features, prediction and group are part of the declaration that is given besides")
    return Watch(declaration, argument=argument, registry=registry)


def _is_async(function: object) -> bool:
    """Whether what a function or a callable object returns has to be awaited."""
    method = getattr(type(function), "__call__", None)  # noqa: B004 - it is not asked whether there is one
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(method)


def _find_prediction(result: object, variable: Variable) -> object:
    """The prediction in what a function has returned: at its path, by its name, or the result itself."""
    if variable.path:
        return find_value(result, variable.path)
    if result is None or isinstance(result, _SCALARS):
        return result
    if isinstance(result, Mapping):
        return result.get(variable.name)
    value = unwrap(result)
    return value if isinstance(value, _SCALARS) else getattr(value, variable.name, value)
