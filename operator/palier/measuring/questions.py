"""What Prometheus is asked for an objective, and which of it shows that the objective is measured at all."""

from functools import lru_cache
from typing import NamedTuple, Self

from palier.measuring.sources import (
    AboveLevel,
    CounterRatio,
    MeanOf,
    MeasuredObjective,
    Origin,
    SlowerThan,
    Source,
)


class Question(NamedTuple):
    """What Prometheus is asked for."""

    selector: str
    """A vector selector."""
    of_router: bool = False
    """Whether the series are the gateway's, in whatever namespace its proxies are."""
    of_proxy: bool = False
    """Whether the series are those of a shadow's proxy."""

    @classmethod
    def from_origin(cls, selector: str, origin: Origin) -> Self:
        """The question for series that somebody exports."""
        return cls(selector, of_router=origin is Origin.ROUTER, of_proxy=origin is Origin.SHADOW)


def questions(objective: MeasuredObjective) -> tuple[Question, ...]:
    """Everything that has to be asked for an objective; each question once."""
    stable = () if objective.stable_source is None else questions_of(objective.stable_source, objective.origin)
    return tuple(dict.fromkeys((*questions_of(objective.source, objective.origin), *stable)))


def histogram_question(selector: str) -> str:
    """One selector for the `_bucket` series of a histogram and for its native samples."""
    name, _, labels = selector.partition("{")
    inner = labels.removesuffix("}").strip().removesuffix(",")
    return f'{{__name__=~"{name}|{name}_bucket"{"," if inner else ""}{inner}}}'


@lru_cache(maxsize=4096)
def questions_of(source: Source, origin: Origin) -> tuple[Question, ...]:
    """Everything that has to be asked for the series of one revision."""
    if isinstance(source, SlowerThan):
        return (Question.from_origin(histogram_question(source.histogram), origin),)
    return tuple(Question.from_origin(selector, origin) for selector in source.selectors)


class Signal(NamedTuple):
    """Series without which an objective is not measured, whatever else is there."""

    name: str
    questions: tuple[Question, ...]


@lru_cache(maxsize=4096)
def signals_of(source: Source, origin: Origin) -> tuple[Signal, ...]:
    """The signals of one revision. Errors are left out: their counter may be born with the first one."""

    def signal(*selectors: str) -> Signal:
        return Signal(" + ".join(selectors), tuple(Question.from_origin(selector, origin) for selector in selectors))

    match source:
        case SlowerThan(histogram=histogram):
            return (Signal(histogram, questions_of(source, origin)),)
        case CounterRatio(total=total):
            return (signal(*total),)
        case AboveLevel(gauge=gauge):
            return (signal(gauge),)
        case MeanOf(amount=amount, total=total):
            return (signal(amount), signal(*total))


def signal_questions(objective: MeasuredObjective) -> tuple[Question, ...]:
    """What shows that an objective of the candidate is measured at all."""
    signals = signals_of(objective.source, objective.origin)
    return tuple(question for signal in signals for question in signal.questions)
