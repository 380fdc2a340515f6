"""How two answers to the same request are compared: what has to be alike, and what may differ.

The same checks compare a candidate's answer with stable's in the shadow, and with the expected one of a golden corpus.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from palier.api.rule import ATOMIC, BY_NAME, ApiObject, Reason, Rule, RuledString, matches
from palier.api.spec.fields import longer_than_zero
from palier.api.spec.values import Cost, Duration, HttpUrl, LabelName, Percent


class JsonPath(RuledString):
    """A place in a JSON document: names, positions and `[*]` of RFC 9535 (JSONPath)."""

    __slots__ = ()

    # The apostrophe by its number: the rule stands between apostrophes itself.
    form = r"^\$(\.[A-Za-z_][A-Za-z0-9_-]*|\[[0-9]{1,6}\]|\[\*\]|\[\x27[^\x27\\]+\x27\]|\.\*)*$"
    longest = 256
    constraints = (
        matches(
            form,
            message=(
                "a path begins with $ and goes on with names, positions and wildcards of JSONPath, such as"
                " $.choices[0].message.content or $.items[*].id"
            ),
        ),
    )


class Comparison(StrEnum):
    """How the two values of a check are compared."""

    EXACT = "Exact"
    NORMALIZED = "Normalized"
    JSON = "Json"
    SHAPE = "Shape"
    LABEL = "Label"
    NUMBER = "Number"
    TEXT = "Text"


class TextMetric(StrEnum):
    """How alike two texts are; each is a number between 0 and 1 here."""

    TOKEN_F1 = "tokenF1"  # noqa: S105 - a token of text
    ROUGE_1 = "rouge1"
    ROUGE_2 = "rouge2"
    ROUGE_L = "rougeL"
    BLEU = "bleu"
    CHRF = "chrf"
    EMBEDDING = "embedding"


class Similarity(ApiObject):
    """How alike two texts have to be."""

    metric: TextMetric = TextMetric.ROUGE_L
    """`tokenF1`, `rouge1`, `rouge2`, `rougeL`, `bleu`, `chrf`, or `embedding`, which needs `answers.embeddings`."""
    min: Percent = Percent("80")
    """Least likeness in percent of identical texts, in quotes, above 0 and below 100. Example: `"85"`."""


class Tolerance(ApiObject):
    """How far two numbers may lie apart: by the larger of both."""

    absolute: Cost = Cost("0")
    """Largest difference, as a decimal number in quotes. Example: `"0.01"`."""
    relative_percent: Cost = Cost("0")
    """Largest difference in percent of the reference's number, in quotes. Example: `"1"`."""

    @property
    def relative(self) -> Decimal:
        """The relative part as a share."""
        return self.relative_percent.decimal / 100


class Check(ApiObject):
    """One thing that has to be alike in two answers."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.text) || self.compare == 'Text'",
            holds=lambda check: check.text is None or check.compare is Comparison.TEXT,
            message="text says how alike texts have to be: it needs compare: Text",
            field=".text",
            reason=Reason.FORBIDDEN,
        ),
        Rule(
            cel="!has(self.tolerance) || self.compare in ['Number', 'Json']",
            holds=lambda check: check.tolerance is None or check.compare in {Comparison.NUMBER, Comparison.JSON},
            message="tolerance is about numbers: it needs compare: Number or compare: Json",
            field=".tolerance",
            reason=Reason.FORBIDDEN,
        ),
        Rule(
            cel=(
                "self.compare == 'Json' || (!has(self.ignore) || self.ignore.size() == 0) &&"
                " (!has(self.unordered) || self.unordered.size() == 0)"
            ),
            holds=lambda check: check.compare is Comparison.JSON or not (check.ignore or check.unordered),
            message="ignore and unordered are about documents: they need compare: Json",
            field=".compare",
        ),
    )

    name: LabelName
    """Name of the check, unique in the list: lower-case letters, digits and `-`. Example: `language`."""
    path: JsonPath = JsonPath("$")
    """Where the value is in the answer; the whole answer when left out. An answer that is not JSON, or the text of a
    stream, is one string. Example: `$.language`."""
    compare: Comparison = Comparison.JSON
    """`Exact`: the same value. `Normalized`: the same text but for case, accents, punctuation and white space. `Json`:
    the same document, with `ignore`, `unordered` and `tolerance`. `Shape`: the same fields and types, whatever the
    values. `Label`: the same class, counted in a confusion table. `Number`: within `tolerance`. `Text`: as alike as
    `text` says."""
    text: Similarity | None = None
    """How alike texts have to be, with `compare: Text`; ROUGE-L of 80 % when left out."""
    tolerance: Tolerance | None = None
    """How far numbers may lie apart, with `compare: Number` or `Json`; not at all when left out."""
    ignore: Annotated[list[JsonPath], Field(max_length=32), ATOMIC] = Field(default_factory=list)
    """Places that may differ, with `compare: Json`. Example: `[$.id, "$.choices[*].index"]`."""
    unordered: Annotated[list[JsonPath], Field(max_length=32), ATOMIC] = Field(default_factory=list)
    """Places of lists whose order does not matter, with `compare: Json`. Example: `[$.labels]`."""


class Embeddings(ApiObject):
    """A server that turns texts into vectors, spoken to as OpenAI's `/v1/embeddings`."""

    constraints: ClassVar[tuple[Rule, ...]] = (longer_than_zero("timeout", example="5s"),)

    url: HttpUrl
    """Address of the server's embeddings. Example: `http://embeddings.ml:8080/v1/embeddings`."""
    model: Annotated[str, Field(max_length=253)] | None = None
    """Name of the model that is asked for."""
    timeout: Duration = Duration("5s")
    """Longest wait for a vector; a later one leaves the check without a result."""


class Answers(ApiObject):
    """How two answers to the same request are compared: all checks together."""

    constraints: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                "has(self.embeddings) || !has(self.checks) || !self.checks.exists(check, has(check.text) &&"
                " check.text.metric == 'embedding')"
            ),
            holds=lambda answers: answers.embeddings is not None or not answers.embeds,
            message="a check by embedding needs answers.embeddings, the server that makes vectors of texts",
            field=".embeddings",
            reason=Reason.REQUIRED,
        ),
    )

    checks: Annotated[list[Check], Field(max_length=8), BY_NAME] = Field(default_factory=list)
    """What has to be alike, at most 8 checks; two answers agree when all of them hold. Without any, the whole document
    has to be the same, by a check of the name `answer`. The status codes have to be the same in any case."""
    stream_path: JsonPath = JsonPath("$.choices[0].delta.content")
    """Where the text is in each event of a streamed answer; the texts are put together before they are compared."""
    embeddings: Embeddings | None = None
    """The server for checks by `embedding`."""

    @property
    def effective_checks(self) -> list[Check]:
        """The checks, at least one.

        The one on the whole document is no default of the schema: the API server would store it, and merge an author's
        own checks with it.
        """
        return self.checks or [Check(name="answer")]

    @property
    def embeds(self) -> bool:
        """Whether any check needs vectors."""
        return any(
            check.text is not None and check.text.metric is TextMetric.EMBEDDING for check in self.effective_checks
        )
