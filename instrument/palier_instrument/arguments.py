"""Where the features are in the arguments of a function, found out once, when it is decorated.

Three ways are usual: `predict(amount, plan)`, `predict(request)` with a mapping or an object in one argument, and
`predict(**features)`. Which one a function has is told by its signature. What is unclear stops the program's start
with a sentence about it; nothing is guessed while a request waits.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import Parameter
from typing import Any, Final

from palier_instrument.declaration import Declaration, DeclarationError, Step, Variable

_POSITIONAL: Final = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_OWNERS: Final = frozenset({"self", "cls"})
"""First arguments of methods, which hold no features."""


def list_steps(variable: Variable) -> tuple[Step, ...]:
    """The way to a value in what the features are taken from."""
    return tuple(variable.path) or (variable.name,)


class Arguments:
    """How the arguments of one function are read.

    Args:
        function: what was decorated.
        declaration: what is to be counted.
        argument: the parameter that holds the features; None to find out.

    Raises:
        DeclarationError: the function has no such parameter, or it is not clear where its features are.
    """

    def __init__(self, function: Callable[..., Any], declaration: Declaration, argument: str | None) -> None:
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            raise DeclarationError(f"{function!r}: its parameters are not known; call `count` by hand") from None
        names = [one.name for one in parameters if one.kind in _POSITIONAL]
        self._positional: tuple[str, ...] = tuple(names)
        self._defaults: Mapping[str, object] = {
            one.name: one.default for one in parameters if one.default is not Parameter.empty
        }
        named = {*names, *(one.name for one in parameters if one.kind is Parameter.KEYWORD_ONLY)}
        takes_any = any(one.kind is Parameter.VAR_KEYWORD for one in parameters)
        group = declaration.group
        self._group_is_argument = group is not None and list_steps(group)[0] in named
        others = [one.name for one in parameters if one.name in named]
        if others and others[0] in _OWNERS:
            others = others[1:]
        if group is not None and self._group_is_argument:
            others = [name for name in others if name != list_steps(group)[0]]
        self._argument: str | None
        if argument is not None:
            if argument not in named and not takes_any:
                raise DeclarationError(f"{name_function(function)} has no parameter {argument!r}")
            self._argument = argument
        else:
            self._argument = _find_argument(function, declaration.features, named, others, takes_any=takes_any)

    def find_sources(self, args: Sequence[object], kwargs: Mapping[str, object]) -> tuple[object, object]:
        """What the features of a call are taken from, and what its group is taken from."""
        given = {**self._defaults, **dict(zip(self._positional, args, strict=False)), **kwargs}
        source = given if self._argument is None else given.get(self._argument)
        return source, given if self._group_is_argument else source


def _find_argument(
    function: Callable[..., Any],
    features: Iterable[Variable],
    named: set[str],
    others: Sequence[str],
    *,
    takes_any: bool,
) -> str | None:
    """The parameter that holds all features; None where each is an argument of its own."""
    heads = [list_steps(one)[0] for one in features]
    absent = [head for head in heads if head not in named]
    if not absent or (takes_any and (len(absent) < len(heads) or not others)):
        return None
    if len(absent) == len(heads) and len(others) == 1:
        return others[0]
    if len(absent) == len(heads):
        raise DeclarationError(
            f"{name_function(function)}: none of its parameters ({', '.join(others) or 'none'}) is a feature;"
            ' say which one holds them, with argument="..."'
        )
    raise DeclarationError(
        f"{name_function(function)}: it has no parameter for {', '.join(repr(head) for head in absent)};"
        ' say which one holds the features, with argument="..."'
    )


def name_function(function: Callable[..., Any]) -> str:
    """What a function is called in messages."""
    return str(getattr(function, "__qualname__", function))
