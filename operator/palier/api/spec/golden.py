"""Golden answers: requests whose good answers are known, asked of a candidate before any user's request reaches it."""

from typing import Annotated, ClassVar

from pydantic import Field

from palier.api.rule import ATOMIC, ApiObject, Reason, Rule
from palier.api.spec.fields import longer_than_zero
from palier.api.spec.load_test import Corpus, NodeSelector, Resources, Tolerations
from palier.api.spec.serving import ConfigMapKey, Image
from palier.api.spec.values import Cost, Duration, HttpUrl, Method, ObjectName, Percent, UrlPath


class SecretKey(ApiObject):
    """One key of a Secret in the same namespace."""

    name: ObjectName
    """Name of the Secret."""
    key: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
    """Key under `data`. Example: `token`."""


class Calibration(ApiObject):
    """Pairs of answers that people have judged: a judge who disagrees with them does not judge."""

    corpus: Corpus
    """Lines of JSON with `request`, `first`, `second` and `better`: `first`, `second` or `tie`."""
    min_agreement: Percent = Percent("70")
    """Least share of the pairs, in percent, in quotes, on which judge and people agree. Example: `"80"`."""


class Judge(ApiObject):
    """A language model that says which of two answers is better, spoken to as OpenAI's `/v1/chat/completions`.

    Each pair is asked in both orders; a judge who changes its mind with the order has said nothing.
    """

    constraints: ClassVar[tuple[Rule, ...]] = (longer_than_zero("timeout", example="60s"),)

    url: HttpUrl
    """Address of the chat completions. Example: `http://judge.ml:8000/v1/chat/completions`."""
    model: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the model that judges. Never the one that is judged."""
    model_digest: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """Digest of the judging model, for the record."""
    prompt: ConfigMapKey | None = None
    """A text of your own for the judge, with `{request}`, `{expected}`, `{first}` and `{second}` in it; Palier's own
    when left out. Its digest is recorded."""
    votes: Annotated[int, Field(ge=1, le=9)] = 1
    """How often each order of a pair is asked, 1 to 9; the majority counts."""
    timeout: Duration = Duration("60s")
    """Longest wait for one vote; a later one is none."""
    calibration: Calibration | None = None
    """Pairs on which the judge has to agree with people before it judges; without them it only has to get a few simple
    questions right."""
    token_secret_ref: SecretKey | None = None
    """The bearer token that the judge asks for."""
    cost_per_million_tokens: Cost | None = None
    """Price of a million tokens of the judge, in the currency of `spec.budget`, to compute what judging has cost."""
    max_tokens_total: Annotated[int, Field(ge=1, le=2000000000)] = 5000000
    """Most tokens that all votes together may take; then judging ends with what it has."""


class Scorer(ApiObject):
    """An image of your own that scores answers, such as one with RAGAS or DeepEval.

    It finds the requests and answers in `/golden/answers.jsonl` and writes a score between 0 and 1 for each into
    `/golden/scores.jsonl`.
    """

    image: Image
    """The image."""
    command: Annotated[list[Annotated[str, Field(max_length=1024)]], Field(max_length=64), ATOMIC] = Field(
        default_factory=list
    )
    """What is run in it; the image's own entrypoint when left out."""
    args: Annotated[list[Annotated[str, Field(max_length=1024)]], Field(max_length=64), ATOMIC] = Field(
        default_factory=list
    )
    """Arguments of the command."""
    resources: Resources | None = None
    """Resources of its container, as in Kubernetes."""


class Golden(ApiObject):
    """Requests with known good answers, and how good the candidate's own have to be.

    Candidate and stable are asked the same; scores lie between 0 and 1. Without a judge and a scorer the answers are
    compared with the expected ones as `spec.answers` says.
    """

    constraints: ClassVar[tuple[Rule, ...]] = (
        longer_than_zero("timeout", example="60s"),
        Rule(
            cel="!(has(self.judge) && has(self.scorer))",
            holds=lambda golden: golden.judge is None or golden.scorer is None,
            message="golden takes at most one of judge and scorer",
        ),
        Rule(
            cel="!has(self.judge) || !has(self.minPercent)",
            holds=lambda golden: golden.judge is None or golden.min_percent is None,
            message="a judge compares candidate and stable: it gives no score to which minPercent could apply",
            field=".minPercent",
            reason=Reason.FORBIDDEN,
        ),
    )

    corpus: Corpus
    """The requests: lines of JSON with `body`, `path`, `method` and `headers` as in a load test, `expected`, the answer
    that is wanted, and if wanted `id` and `segment`. Example: `{"body": {"text": "Bonjour"}, "expected":
    {"language": "fr"}}`."""
    path: UrlPath = UrlPath("/")
    """Path of the requests, where a line names none. Example: `/predict`."""
    method: Method = Method.POST
    """Method of the requests, where a line names none: `GET`, `POST` or `PUT`."""
    min_percent: Percent | None = None
    """Least mean score of the candidate in percent of the best, in quotes. Example: `"90"`."""
    margin_percent: Percent = Percent("2")
    """How far the candidate's mean score may lie below stable's, in points of a hundred, in quotes: to pass, it has to
    be proven that it does not lie further below. Small margins take many requests. Example: `"2"`."""
    repeat: Annotated[int, Field(ge=1, le=100)] = 1
    """How often the corpus is asked, 1 to 100: more than once for models that answer by chance."""
    concurrency: Annotated[int, Field(ge=1, le=64)] = 4
    """Requests that are sent at the same time, each to both versions, 1 to 64."""
    timeout: Duration = Duration("60s")
    """Longest wait for an answer. A candidate that takes longer has failed: its score is 0."""
    judge: Judge | None = None
    """A language model that says which answer is better."""
    scorer: Scorer | None = None
    """An image of your own that scores the answers."""
    image: Image | None = None
    """Image of the pod that asks; Palier's own when left out."""
    resources: Resources | None = None
    """Resources of the container that asks, as in Kubernetes."""
    node_selector: NodeSelector = Field(default_factory=dict)
    """Labels of the nodes that the pod may run on."""
    tolerations: Tolerations = Field(default_factory=list)
    """Tolerations of the pod, as in Kubernetes, at most 32."""
