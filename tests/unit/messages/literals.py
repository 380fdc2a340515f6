"""Finds the texts that a module can say, by its syntax: every string of words that is no docstring and no log line."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["texts_of"]


class Kind(NamedTuple):
    """What a class makes of a reason and its sentence, and the place of its reason; the sentence comes next."""

    title: str
    reason: int


_KINDS = {
    "Ending": Kind("end", 1),
    "Finding": Kind("condition", 2),
    "Hold": Kind("hold", 0),
    "MetricsUnavailable": Kind("error", 0),
    "Note": Kind("Event", 1),
    "Outcome": Kind("end", 2),
    "Unpriced": Kind("no price", 0),
}
_VERDICT = Kind("verdict", 1)
"""A finding of the evidence: its verdict, its reason, its sentence."""

_REASON = re.compile(r"([A-Z][a-z]+){2,}")
_SILENT_CALLS = re.compile(r"_?log|_?logger|logging|re|TypeVar|NewType|argparse", re.IGNORECASE)
"""What is called with strings that no user reads: loggers and patterns."""

_SILENT_KEYWORDS = {"cel", "pattern", "formatter_class", "prog", "epilog"}
_SILENT_TEXTS = re.compile(
    r"\s*<\w"  # a line of a drawing
    r"|\s*\.card \{|\s*(class|stroke-dasharray|text-anchor)=|\{ stroke: "  # its style
    r"|(application|text)/[a-z]"  # the type of a body
    r"|%\(asctime"  # the form of a log line
    r"|.*\b(self|stage|stages)\.\w|.*\b(has|in|exists)\(|.*\bhas\b.*&&|\w+ \| None$|tuple\["  # CEL, types
)


def texts_of(path: Path) -> list[str]:
    """The texts of one module in their order, each once, with the reason that stands beside it."""
    return list(dict.fromkeys(_texts(ast.parse(path.read_text(encoding="utf-8")))))


def _texts(node: ast.AST, *, label: str = "") -> Iterator[str]:
    if _is_silent(node):
        return
    if isinstance(node, ast.Call):
        if kind := _kind(node):
            reason, message = node.args[kind.reason : kind.reason + 2]
            yield f"[{kind.title} {_rendered(reason)}] {_rendered(message)}"
            if _is_text(message):
                return
        label = _reason(node)
    elif isinstance(node, ast.stmt):
        label = ""
    text = _rendered(node) if _is_text(node) else ""
    if _has_words(text):
        yield f"[{label}] {text}" if label else text
        return
    for child in ast.iter_child_nodes(node):
        yield from _texts(child, label=label)


def _is_silent(node: ast.AST) -> bool:
    """Whether nothing in it is for users: a docstring, a pattern, a line of the log."""
    match node:
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.keyword(arg=name):
            return name in _SILENT_KEYWORDS
        case ast.Call():
            return bool(_SILENT_CALLS.fullmatch(_called(node)))
    return False


def _kind(call: ast.Call) -> Kind | None:
    """What a call makes of its reason and its sentence, where it has both."""
    kind = _KINDS.get(_called(call, last=True))
    if kind and call.args and re.match("verdict|Verdict", ast.unparse(call.args[0])):
        kind = _VERDICT
    return kind if kind and len(call.args) > kind.reason + 1 else None


def _reason(call: ast.Call) -> str:
    """The reason among the arguments of any other call."""
    words = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return next((word for word in words if _REASON.fullmatch(word)), "")


def _called(call: ast.Call, *, last: bool = False) -> str:
    """The first name of what is called, or the last one."""
    function = call.func
    while isinstance(function, ast.Attribute):
        if last or not isinstance(function.value, ast.Name | ast.Attribute):
            return function.attr
        function = function.value
    return function.id if isinstance(function, ast.Name) else ""


def _is_text(node: ast.AST) -> bool:
    match node:
        case ast.JoinedStr() | ast.Constant(value=str()):
            return True
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _is_text(left) or _is_text(right)
    return False


def _rendered(node: ast.AST) -> str:
    """The text as it stands in the code, with a name in braces for what is put in."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_rendered(value) for value in values)
        case ast.FormattedValue(value=value):
            return "{" + _name(value) + "}"
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _rendered(left) + _rendered(right)
    return "{" + _name(node) + "}"


def _name(node: ast.AST) -> str:
    """A short name of an expression: the last one in it; of a choice, both."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Constant(value=value):
            return str(value)
        case ast.JoinedStr():
            return _rendered(node)
        case ast.Call():
            return _name(_subject(node))
        case ast.IfExp(body=one, orelse=other):
            return f"{_name(one)}|{_name(other)}"
        case ast.BinOp(left=one, right=other):
            return f"{_name(one)} {_name(other)}"
        case ast.BoolOp(values=values):
            return "|".join(_name(value) for value in values)
    return next((_name(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)), "…")


def _subject(call: ast.Call) -> ast.expr:
    """What a call is about: its first argument, else the object whose method it is."""
    match call:
        case ast.Call(args=[first, *_]):
            return first
        case ast.Call(func=ast.Attribute(value=value)):
            return value
    return call.func


def _has_words(text: str) -> bool:
    """Whether a person reads it: a space and a word, outside of what is put in."""
    if _SILENT_TEXTS.match(text):
        return False
    said, before = text, ""
    while said != before:
        said, before = re.sub(r"\{[^{}]*\}", "", said), said
    return " " in said.strip("\n") and bool(re.search(r"[A-Za-z]{2,}", said))
