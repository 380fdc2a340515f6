"""The queries in other tools' objects: sums of counters, and nothing else.

Palier reads raw counters and no results of functions, so of all that PromQL can say only this is read: sums of
selectors, each as it stands or in `rate` or `increase`, one difference of such sums, and the two idioms for series that
are not there yet (`or vector(0)`) and for time without traffic (`> 0`).
"""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final, NamedTuple, NoReturn

from palier.measuring.matchers import narrow_selector, quote_value
from palier.measuring.resolve import add_suffix
from palier.watch.slo.record import Edge, write_decimal

_NAME: Final = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)")
_MATCHER: Final = re.compile(
    r"""\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*(?:,|(?=\}))"""
)
_NO_TRAFFIC: Final = " > 0"
_NONE_YET: Final = " or vector(0)"
_PLAIN_EXPONENTS: Final = (-4, 6)
"""Decimal exponents for which Go writes no exponent: from the first one, below the second one."""
_DEEPEST: Final = 20
"""Parentheses within each other that a query has at most."""
_SHOWN: Final = 40
"""Characters of a query that a refusal quotes."""


class Matcher(NamedTuple):
    """One condition on a label."""

    label: str
    operator: str
    text: str
    """The value with its quotes, as it was written."""


class Selector(NamedTuple):
    """A vector selector taken apart."""

    name: str
    matchers: tuple[Matcher, ...] = ()

    @property
    def text(self) -> str:
        """The selector as PromQL writes it."""
        return narrow_selector(self.name, *("".join(matcher) for matcher in self.matchers))


class Sums(NamedTuple):
    """What a query adds up, and what it takes away from that."""

    plus: tuple[Selector, ...]
    minus: tuple[Selector, ...] = ()


def parse_selector(text: str) -> Selector:
    """Take a selector apart.

    Raises:
        ValueError: it is none.
    """
    reader = _Reader(text)
    selector = reader.read_selector()
    reader.check_end()
    return selector


def parse_sums(text: str, *, window: str = "") -> Sums:
    """Read a query.

    Args:
        text: the query.
        window: what stands between the brackets of a range, in a query of rates; empty for one of counters.

    Raises:
        ValueError: it is more than sums of counters; the text says where.
    """
    reader = _Reader(text, window)
    sums = reader.read_sums()
    reader.take(">", "0")
    reader.check_end()
    return sums


def write_sum(selectors: Sequence[str], *, window: str = "") -> str:
    """The sum of counters, or of their rates over a window.

    Where there are several, one that has no series yet counts 0 and does not take the others with it.
    """
    terms = [f"sum(rate({one}[{window}]))" if window else f"sum({one})" for one in selectors]
    return terms[0] if len(terms) == 1 else " + ".join(f"({term}{_NONE_YET})" for term in terms)


def write_bad_rate(selectors: Sequence[str], *, window: str) -> str:
    """The rate of bad events: 0 before the first one, when many programs have no series of them."""
    written = write_sum(selectors, window=window)
    return f"{written}{_NONE_YET}" if len(selectors) == 1 else written


def write_total_rate(selectors: Sequence[str], *, window: str) -> str:
    """The rate of all events, and nothing where it is 0: a share of nothing is no number, and spoils every mean."""
    return f"{write_sum(selectors, window=window)}{_NO_TRAFFIC}"


def count_selector(edge: Edge) -> str:
    """All observations of a histogram."""
    return add_suffix(edge.histogram, "_count")


def bucket_selector(edge: Edge, *, exact: bool = False) -> str:
    """The observations up to an edge.

    Clients write whole edges as `1` or `1.0`, and Prometheus 3 stores the latter. So each way of writing is matched, or
    only that of Prometheus 3 where a tool takes no regular expression.
    """
    forms = _forms_of_edge(edge.edge)
    if exact or len(forms) == 1:
        matcher = f"le={quote_value(forms[-1])}"
    else:
        matcher = f"le=~{quote_value('|'.join(form.replace('.', '[.]').replace('+', '[+]') for form in forms))}"
    return narrow_selector(add_suffix(edge.histogram, "_bucket"), matcher)


def read_edge(bucket: Selector, count: Selector) -> Edge | None:
    """The histogram of which one selector is a bucket and another one the count; None where they are not.

    Raises:
        ValueError: the bucket names no single edge.
    """
    if not bucket.name.endswith("_bucket") or count.name != f"{bucket.name.removesuffix('_bucket')}_count":
        return None
    edges = [matcher for matcher in bucket.matchers if matcher.label == "le"]
    others = tuple(matcher for matcher in bucket.matchers if matcher.label != "le")
    if len(edges) != 1 or others != count.matchers:
        raise ValueError(f"{bucket.text} and {count.text} have to differ by one matcher of the label le alone")
    return Edge(Selector(count.name.removesuffix("_count"), others).text, _parse_edge(edges[0]))


def _forms_of_edge(edge: Decimal) -> tuple[str, ...]:
    """An edge as clients write it; the last one is how Prometheus 3 stores it."""
    plain = write_decimal(edge)
    whole = [f"{plain}.0"] if "." not in plain else []
    stored = [_write_exponent(edge)] if not _PLAIN_EXPONENTS[0] <= edge.adjusted() < _PLAIN_EXPONENTS[1] else []
    return tuple(dict.fromkeys((plain, *whole, *stored)))


def _write_exponent(edge: Decimal) -> str:
    """A number as Go's `strconv` writes a very large or a very small one: `3.6e+06`."""
    digits = "".join(map(str, edge.normalize().as_tuple().digits))
    mantissa = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
    exponent = edge.adjusted()
    return f"{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _parse_edge(matcher: Matcher) -> Decimal:
    text = matcher.text[1:-1]
    if matcher.operator == "=~":
        plain = re.sub(r"\\\\([.+])|\[([.+])\]", r"\1\2", text)
        found = {_number(part) for part in plain.split("|")}
    else:
        found = {_number(text)} if matcher.operator == "=" else set()
    edge = found.pop() if len(found) == 1 else None
    if edge is None:
        raise ValueError(f"{''.join(matcher)} names no single edge of a bucket")
    return edge


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


@lru_cache(maxsize=64)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """These words with any space between them; a word ends where no letter, digit or point follows."""
    ends = (re.escape(word) + (r"(?![\w:.])" if word[-1].isalnum() else "") for word in words)
    return re.compile("".join(rf"\s*{end}" for end in ends))


class _Reader:
    """Reads a query from its beginning to its end."""

    def __init__(self, text: str, window: str = "") -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._window = window

    def read_sums(self) -> Sums:
        """Terms that are added and subtracted, with their substitute for series that are not there."""
        plus, minus = self._read_term()
        while True:
            if self.take("+"):
                more, less = self._read_term()
            elif self.take("-"):
                less, more = self._read_term()
            else:
                self.take("or", "vector", "(", "0", ")")
                return Sums(plus, minus)
            plus, minus = (*plus, *more), (*minus, *less)

    def read_selector(self) -> Selector:
        """A metric's name with its matchers."""
        name = _NAME.match(self._text, self._at)
        if name is None:
            self._stop("a counter")
        self._at = name.end()
        matchers: list[Matcher] = []
        if self.take("{"):
            while not self.take("}"):
                found = _MATCHER.match(self._text, self._at)
                if found is None:
                    self._stop("a label matcher")
                matchers.append(Matcher(*found.groups()))
                self._at = found.end()
        return Selector(name[1], tuple(matchers))

    def take(self, *words: str) -> bool:
        """Whether these words come next; then they are read."""
        found = _pattern(words).match(self._text, self._at)
        if found is not None:
            self._at = found.end()
        return found is not None

    def check_end(self) -> None:
        """Refuse what is left."""
        if self._text[self._at :].strip():
            self._stop("the end")

    def _read_term(self) -> Sums:
        if self._depth < _DEEPEST and self.take("("):
            self._depth += 1
            inner = self.read_sums()
            self._depth -= 1
            self._expect(")")
            return inner
        if self.take("sum", "("):
            selector = self._read_rate() if self._window else self.read_selector()
            self._expect(")")
            return Sums((selector,))
        if self._window:
            self._stop("sum(rate(")
        return Sums((self.read_selector(),))

    def _read_rate(self) -> Selector:
        if not self.take("rate", "(") and not self.take("increase", "("):
            self._stop("rate( or increase(")
        selector = self.read_selector()
        self._expect("[", self._window, "]", ")")
        return selector

    def _expect(self, *words: str) -> None:
        if not self.take(*words):
            self._stop("".join(words))

    def _stop(self, wanted: str) -> NoReturn:
        rest = self._text[self._at :].strip()[:_SHOWN]
        stands = f"before {rest!r}" if rest else "at the end"
        raise ValueError(f"Palier reads sums of counters and no more of PromQL: {wanted!r} is missing {stands}")
