"""What happened between the two scrapes of each runtime and each router, written down beside their answers."""

from collections.abc import Mapping
from dataclasses import dataclass

from palier.presets import Preset, runtime


@dataclass(frozen=True, slots=True)
class Slow:
    """How many observations there were, and how many above an edge."""

    edge: float
    total: int
    above: int


@dataclass(frozen=True, slots=True)
class Sum:
    """How much a sum rose, and by how many parts."""

    amount: float
    total: int


@dataclass(frozen=True, slots=True)
class Level:
    """The newest value of a gauge, of all series together."""

    value: float


Expected = int | Slow | Sum | Level


@dataclass(frozen=True, slots=True)
class Case:
    """A preset, the answer that it is tested with, and what happened between the two scrapes."""

    runtime: str
    version: str
    answer: str
    expected: Mapping[str, Expected]

    @property
    def preset(self) -> Preset:
        """The preset of this runtime and version."""
        return runtime(self.runtime, self.version)


CASES = (
    Case(
        "vllm",
        "0.11",
        "vllm-0.11",
        {
            "requests": 30,
            "latency": Slow(1, 30, 6),
            "timeToFirstToken": Slow(0.25, 30, 3),
            "interTokenLatency": Slow(0.05, 300, 20),
            "timePerOutputToken": Slow(0.1, 30, 4),
            "queueTime": Slow(0.3, 30, 2),
            "tokensIn": 3500,
            "tokensOut": 340,
            "queueDepth": Level(7),
        },
    ),
    Case(
        "vllm",
        "0.9.1",
        "vllm-before-0.11",
        {
            "requests": 30,
            "latency": Slow(1, 30, 6),
            "timeToFirstToken": Slow(0.25, 30, 3),
            "interTokenLatency": Slow(0.05, 300, 20),
            "queueTime": Slow(0.3, 30, 2),
            "tokensIn": 3500,
            "tokensOut": 340,
            "queueDepth": Level(7),
        },
    ),
    Case(
        "sglang",
        "",
        "sglang",
        {
            "requests": 25,
            "errors": 2,
            "latency": Slow(1, 23, 5),
            "timeToFirstToken": Slow(0.4, 23, 4),
            "interTokenLatency": Slow(0.04, 180, 20),
            "timePerOutputToken": Slow(0.06, 23, 3),
            "queueTime": Slow(0.2, 23, 3),
            "tokensIn": 600,
            "tokensOut": 180,
            "queueDepth": Level(4),
        },
    ),
    Case(
        "tgi",
        "",
        "tgi",
        {
            "requests": 25,
            "errors": 3,
            "latency": Slow(0.00015 * 1.5**22, 20, 3),
            "timePerOutputToken": Slow(0.00015 * 1.5**15, 20, 4),
            "queueTime": Slow(0.00015 * 1.5**15, 20, 2),
            "tokensIn": 1000,
            "tokensOut": 420,
            "queueDepth": Level(6),
        },
    ),
    Case(
        "tensorrt-llm",
        "",
        "tensorrt-llm",
        {
            "requests": 20,
            "errors": 2,
            "latency": Slow(1, 18, 4),
            "timeToFirstToken": Slow(0.25, 18, 3),
            "timePerOutputToken": Slow(0.05, 18, 2),
            "queueTime": Slow(0.5, 18, 1),
            "tokensIn": 360,
            "tokensOut": 220,
            "queueDepth": Level(3),
        },
    ),
    Case(
        "triton",
        "",
        "triton",
        {
            "requests": 72,
            "errors": 6,
            "latency": Sum(750_000, 60),
            "timeToFirstToken": Slow(500, 60, 10),
            "queueTime": Sum(12_000, 60),
            "queueDepth": Level(5),
        },
    ),
    Case("kserve", "", "kserve", {"requests": 15, "latency": Slow(0.005, 15, 0)}),
    Case(
        "knative",
        "1.19.3",
        "knative-1.19",
        {"requests": 104, "errors": 4, "latency": Slow(0.1, 104, 10), "queueDepth": Level(8)},
    ),
    Case(
        "knative",
        "1.18",
        "knative-before-1.19",
        {"requests": 95, "errors": 5, "latency": Slow(250, 95, 17), "queueDepth": Level(9)},
    ),
    Case("mlserver", "", "mlserver", {"requests": 15, "errors": 3, "latency": Slow(0.005, 15, 0)}),
    Case("seldon", "", "seldon", {"requests": 58, "errors": 5, "latency": Sum(9.0, 58)}),
    Case(
        "torchserve",
        "",
        "torchserve",
        {"requests": 70, "errors": 5, "latency": Sum(600_000, 60), "queueTime": Sum(12_000, 60)},
    ),
    Case(
        "bentoml",
        "",
        "bentoml",
        {"requests": 17, "errors": 3, "latency": Slow(0.005, 17, 2), "queueDepth": Level(0)},
    ),
    Case(
        "ray-serve",
        "",
        "ray-serve",
        {"requests": 15, "errors": 3, "latency": Slow(10, 15, 2), "queueDepth": Level(0)},
    ),
    Case("tf-serving", "", "tf-serving", {"requests": 406, "errors": 6, "latency": Slow(67466.4, 400, 30)}),
    Case(
        "ovms",
        "",
        "ovms",
        {
            "requests": 64,
            "errors": 4,
            "latency": Slow(20822, 60, 7),
            "queueTime": Slow(1101, 60, 5),
            "queueDepth": Level(3),
        },
    ),
    Case(
        "llama-cpp",
        "",
        "llama-cpp",
        {"timePerOutputToken": Sum(8, 400), "tokensIn": 600, "tokensOut": 400, "queueDepth": Level(4)},
    ),
    Case(
        "otel-genai",
        "",
        "otel-genai",
        {
            "requests": 48,
            "errors": 3,
            "latency": Slow(1.28, 48, 6),
            "timeToFirstToken": Slow(0.25, 45, 4),
            "timePerOutputToken": Slow(0.1, 45, 2),
            "tokensIn": 4500,
            "tokensOut": 2250,
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Backend:
    """What a router said of one of its backends between the two scrapes."""

    revision: str
    position: int
    requests: int
    errors: int
    slow: Slow | None = None


ROUTED = {
    "EnvoyGateway": (
        Backend("aaaaaaaaaa", 0, 64, 3, Slow(25, 64, 41)),
        Backend("bbbbbbbbbb", 1, 23, 3, Slow(25, 20, 13)),  # timeouts are errors, and in no histogram
        Backend("closed-without-answer", 2, 3, 3),
        Backend("not-connected", 3, 3, 3),
        Backend("retried-with-success", 4, 3, 0, Slow(1000, 3, 0)),
        Backend("beyond-its-limit", 6, 3, 3),
        Backend("without-endpoint", 7, 3, 3),
        Backend("broken-off", 8, 6, 0, Slow(1000, 3, 0)),
    ),
    "Istio": (
        Backend("aaaaaaaaaa", 0, 900, 6, Slow(500, 900, 40)),
        Backend("bbbbbbbbbb", 1, 100, 7, Slow(500, 100, 20)),
    ),
}
