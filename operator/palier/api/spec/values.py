"""Single values with a meaning of their own: durations, percentages, counters, and the words a user can choose from.

There are no floating-point numbers in the API (their text form differs between programs, which server-side apply and
GitOps tools would see as a change), so numbers with a fraction are decimal strings.
"""

import re
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from palier.api.rule import Reason, Rule, RuledString, matches

LABEL: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
SUBDOMAIN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"

LabelName = Annotated[str, Field(min_length=1, max_length=63, pattern=LABEL)]
"""The name of an entry of a list or of a namespace."""
ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=SUBDOMAIN)]
"""The name of a Kubernetes object."""
LabelValue = Annotated[str, Field(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")]
"""The value of a Kubernetes label."""
LabelKey = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
"""The name of a Prometheus label."""
HostName = Annotated[str, Field(min_length=1, max_length=253, pattern=rf"^(\*\.)?{SUBDOMAIN[1:]}")]
"""A host name, with a wildcard as its first label if wanted."""

_MILLISECONDS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


class Duration(RuledString):
    """A length of time such as `250ms`, `30s`, `1m30s` or `2h`."""

    __slots__ = ()

    form = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"
    longest = 28
    constraints = (
        matches(
            form,
            message="a duration is whole numbers with the units h, m, s or ms, such as 250ms, 30s, 1m30s or 2h",
        ),
    )

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        parts = re.findall(r"([0-9]+)(ms|h|m|s)", self)
        return sum(int(number) * _MILLISECONDS[unit] for number, unit in parts) / 1000


class Percent(RuledString):
    """A share in percent as a decimal string, above 0 and below 100."""

    __slots__ = ()

    form = r"^[0-9]{1,2}(\.[0-9]{1,4})?$"
    longest = 7
    constraints = (
        Rule(
            cel=f"self.matches(r'{form}') && double(self) > 0.0",
            holds=lambda text: re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,4})?", text) is not None and Decimal(text) > 0,
            message='a percentage is a decimal number in quotes, above 0 and below 100, with at most 4 decimals: "0.5"',
        ),
    )

    @property
    def fraction(self) -> float:
        """The share between 0 and 1: `"1"` is 0.01."""
        return float(Decimal(self) / 100)

    @property
    def share(self) -> Decimal:
        """The share between 0 and 1 without rounding, for money."""
        return Decimal(self) / 100


class DecimalString(RuledString):
    """A decimal number; subclasses say which."""

    __slots__ = ()

    @property
    def decimal(self) -> Decimal:
        """The number without rounding, for money."""
        return Decimal(self)


class Amount(DecimalString):
    """A decimal number above 0."""

    __slots__ = ()

    form = r"^[0-9]{1,12}(\.[0-9]{1,6})?$"
    longest = 19
    constraints = (
        Rule(
            cel=f"self.matches(r'{form}') && double(self) > 0.0",
            holds=lambda text: re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", text) is not None and Decimal(text) > 0,
            message='a number is written in quotes, above 0, with at most 6 decimals: "0.35"',
        ),
    )

    @property
    def value(self) -> float:
        """The number."""
        return float(Decimal(self))


class Cost(DecimalString):
    """A decimal number of 0 or more."""

    __slots__ = ()

    form = r"^[0-9]{1,12}(\.[0-9]{1,6})?$"
    longest = 19
    constraints = (matches(form, message='a cost is written in quotes, 0 or more, with at most 6 decimals: "400"'),)


class Currency(RuledString):
    """A currency of ISO 4217."""

    __slots__ = ()

    form = r"^[A-Z]{3}$"
    longest = 3
    constraints = (matches(form, message="a currency is three capital letters of ISO 4217, such as EUR or USD"),)


class UrlPath(RuledString):
    """The path of a URL, with a query if wanted."""

    __slots__ = ()

    form = r"^/([^\s#%]|%[0-9A-Fa-f]{2})*$"
    longest = 2048
    constraints = (
        matches(
            form,
            message=(
                "a path begins with / and has no spaces and no #, and a percent sign in it is written %25, such as"
                " /predict?top=3"
            ),
        ),
    )


class HttpUrl(RuledString):
    """The address of a server that speaks HTTP."""

    __slots__ = ()

    form = r"^https?://[^\s/?#]+(/[^\s#]*)?$"
    longest = 2048
    constraints = (matches(form, message="an address is written like http://judge.ml:8000/v1/chat/completions"),)


class HeaderName(RuledString):
    """The name of a header of HTTP."""

    __slots__ = ()

    form = r"^[A-Za-z0-9!#$%&\x27*+.^_`|~-]+$"
    longest = 128
    constraints = (matches(form, message="the name of a header has no spaces and no colon, such as x-customer-kind"),)


class FilePath(RuledString):
    """The path of a file below a folder that is mounted elsewhere."""

    __slots__ = ()

    form = r"^[^/\s][^\s]*$"
    longest = 1024
    constraints = (
        matches(form, message="the path of a file is relative and has no spaces, such as requests/chat.jsonl"),
        Rule(
            cel=r"!self.matches(r'(^|/)\.\.(/|$)')",
            holds=lambda path: ".." not in path.split("/"),
            message="the path of a file must not leave its volume: no .. in it",
            reason=Reason.FORBIDDEN,
        ),
    )


class Selector(RuledString):
    """A plain PromQL vector selector: a metric's name, with label matchers in braces if wanted."""

    __slots__ = ()

    form = r"^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^{}]*\})?$"
    longest = 512
    constraints = (
        matches(
            form,
            message=(
                "a counter is a metric name with optional label matchers, such as"
                ' http_requests_total{code=~"5.."}: no functions, no ranges, no arithmetic'
            ),
        ),
    )


class HistogramSelector(RuledString):
    """The selector of a Prometheus histogram, named without the `_bucket` suffix."""

    __slots__ = ()

    form = Selector.form
    longest = Selector.longest
    constraints = (
        *Selector.constraints,
        Rule(
            cel=r"!self.matches(r'^[^{]*_(bucket|sum|count)(\{|$)')",
            holds=lambda text: re.match(r"[^{]*_(bucket|sum|count)(\{|$)", text) is None,
            message="name the histogram without its suffix _bucket, _sum or _count: http_request_duration_seconds",
        ),
    )


class Email(RuledString):
    """An e-mail address."""

    __slots__ = ()

    form = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
    longest = 254
    constraints = (matches(form, message="an e-mail address is written like nlp-platform@example.com"),)


class Accelerator(StrEnum):
    """What the model computes on."""

    CPU = "CPU"
    GPU = "GPU"


class TimeUnit(StrEnum):
    """The unit of a histogram's bucket edges."""

    SECONDS = "Seconds"
    MILLISECONDS = "Milliseconds"
    MICROSECONDS = "Microseconds"

    @property
    def seconds(self) -> float:
        """One unit in seconds."""
        match self:
            case TimeUnit.SECONDS:
                return 1.0
            case TimeUnit.MILLISECONDS:
                return 0.001
            case TimeUnit.MICROSECONDS:
                return 0.000001


class Runtime(StrEnum):
    """A serving program that has a preset of signals, written as its own project writes its name."""

    VLLM = "vllm"
    SGLANG = "sglang"
    TGI = "tgi"
    TENSORRT_LLM = "tensorrt-llm"
    TRITON = "triton"
    KSERVE = "kserve"
    KNATIVE = "knative"
    MLSERVER = "mlserver"
    SELDON = "seldon"
    TORCHSERVE = "torchserve"
    BENTOML = "bentoml"
    RAY_SERVE = "ray-serve"
    TF_SERVING = "tf-serving"
    OVMS = "ovms"
    LLAMA_CPP = "llama-cpp"
    OTEL_GENAI = "otel-genai"
    CUSTOM = "custom"


class Router(StrEnum):
    """Whose counters a gateway's proxies export."""

    ENVOY_GATEWAY = "EnvoyGateway"
    ISTIO = "Istio"


class CounterOwner(StrEnum):
    """Whose counters an objective reads."""

    PODS = "Pods"
    ROUTER = "Router"


class Proof(StrEnum):
    """What a promotion has to prove of an objective, from the least to the most."""

    NO_BREACH = "NoBreach"
    BELOW_TWICE_THE_LIMIT = "BelowTwiceTheLimit"
    WITHIN_LIMIT = "WithinLimit"
    """The older name of `BelowTwiceTheLimit`, which promised more than is proven."""
    BELOW_THE_LIMIT = "BelowTheLimit"
    NO_WORSE_THAN_STABLE = "NoWorseThanStable"


class OnBreach(StrEnum):
    """What a breached objective does to the release."""

    ROLLBACK = "Rollback"
    HOLD = "Hold"


class OnStableUnavailable(StrEnum):
    """What happens while stable has no ready pod and the candidate has."""

    HOLD = "Hold"
    SEND_TO_CANDIDATE = "SendToCandidate"


class OnNoEvidence(StrEnum):
    """What a stage does that reached its longest duration without a verdict."""

    HOLD = "Hold"
    ROLLBACK = "Rollback"


class OnBurn(StrEnum):
    """What a budget that is spent too fast does to releases."""

    ALERT = "Alert"
    FREEZE = "Freeze"
    HOLD = "Hold"


class Surge(StrEnum):
    """What a candidate does that waits for an accelerator."""

    WAIT = "Wait"
    SWAP = "Swap"


class ProductSignal(StrEnum):
    """What users do with an answer, as their front end counts it."""

    FIRST_PASS_RESOLUTION = "FirstPassResolution"  # noqa: S105 - no password
    ABANDONMENT = "Abandonment"
    FEEDBACK = "Feedback"
    MANUAL_FALLBACK = "ManualFallback"


class Method(StrEnum):
    """The method of a request."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
