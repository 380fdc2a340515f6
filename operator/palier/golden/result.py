"""What the golden answers found: written by the pod as one line, and read by the operator into `status`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, Self

from palier.api.field_names import to_camel
from palier.api.figures import figure_of, number_of
from palier.api.status.values import Verdict

JSON_LIMIT: Final = 4000
"""Bytes: a termination message has at most 4096."""
_MESSAGE_LIMIT: Final = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeResult:
    """What a judge needs to be believed, and what it has cost."""

    model: str
    model_digest: str = ""
    prompt_digest: str = ""
    calibration_pairs: int = 0
    """Pairs that people had judged; 0 without a calibration."""
    agreement: Decimal | None = None
    """Share of them on which the judge agrees with people, between 0 and 1."""
    kappa: Decimal | None = None
    """The same beyond chance: Cohen's kappa, -1 to 1."""
    votes: int = 0
    failed_votes: int = 0
    """Votes that never came or could not be read."""
    position_changes: int = 0
    """Pairs on which the judge changed its mind with the order."""
    tokens: int = 0
    cost: Decimal | None = None
    """In the currency of `spec.budget`; None without a price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenResult:
    """What one examination found."""

    verdict: Verdict
    reason: str
    """One CamelCase word."""
    message: str
    """A sentence with its numbers."""
    requests: int = 0
    """Requests of the corpus, repetitions counted."""
    scored: int = 0
    """Those with a score of every version that was asked."""
    score: Decimal | None = None
    """Mean score of the candidate, between 0 and 1."""
    stable_score: Decimal | None = None
    difference_low: Decimal | None = None
    """Where the difference of the means, candidate less stable, lies with 95 % confidence at every look at once."""
    difference_high: Decimal | None = None
    worst: tuple[str, ...] = ()
    """Ids of requests on which the candidate lost most against stable or against what was expected, at most 5."""
    judge: JudgeResult | None = None

    def to_status(self) -> dict[str, Any]:
        """The fields of an entry of `status.golden`; `from_status` reads the same value back."""
        known: dict[str, Any] = {
            **{to_camel(name): figure_of(getattr(self, name)) for name in _NUMBERS},
            "worst": list(self.worst) or None,
            "judge": _judge_status(self.judge) if self.judge else None,
        }
        return {
            "verdict": self.verdict.value,
            "reason": self.reason,
            "message": self.message,
            "requests": self.requests,
            "scored": self.scored,
            **{name: value for name, value in known.items() if value is not None},
        }

    @classmethod
    def from_status(cls, entry: Mapping[str, Any]) -> Self:
        """Read an entry back.

        Raises:
            KeyError, TypeError, ValueError: it is unreadable.
        """
        judge = entry.get("judge")
        return cls(
            verdict=Verdict(entry["verdict"]),
            reason=str(entry["reason"]),
            message=str(entry["message"]),
            requests=int(entry.get("requests", 0)),
            scored=int(entry.get("scored", 0)),
            **{name: number_of(entry.get(to_camel(name))) for name in _NUMBERS},
            worst=tuple(str(one) for one in entry.get("worst") or ()),
            judge=_judge(judge) if judge else None,
        )

    def to_json(self) -> str:
        """One line that fits into a termination message: what is too much is left out from its end."""
        whole = replace(self, message=self.message[:_MESSAGE_LIMIT], worst=tuple(one[:80] for one in self.worst[:5]))
        text = _line(whole)
        while len(text) > JSON_LIMIT and (whole.worst or whole.message):
            # A character beyond ASCII takes six bytes, and ids and messages may have many.
            message = whole.message if whole.worst else whole.message[: len(whole.message) // 2]
            whole = replace(whole, message=message, worst=whole.worst[:-1])
            text = _line(whole)
        return text

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the line back.

        Raises:
            ValueError: it is no result of golden answers.
        """
        try:
            return cls.from_status(json.loads(text))
        except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise ValueError(f"not the result of golden answers: {error!r}") from error


_NUMBERS: Final = ("score", "stable_score", "difference_low", "difference_high")


def _line(result: GoldenResult) -> str:
    return json.dumps(result.to_status(), separators=(",", ":"))


_JUDGE_COUNTS: Final = ("calibration_pairs", "votes", "failed_votes", "position_changes", "tokens")


def _judge_status(judge: JudgeResult) -> dict[str, Any]:
    known: dict[str, Any] = {
        "modelDigest": judge.model_digest or None,
        "promptDigest": judge.prompt_digest or None,
        "agreement": figure_of(judge.agreement),
        "kappa": figure_of(judge.kappa),
        "cost": figure_of(judge.cost),
    }
    return {
        "model": judge.model,
        **{to_camel(name): getattr(judge, name) for name in _JUDGE_COUNTS},
        **{name: value for name, value in known.items() if value is not None},
    }


def _judge(entry: Mapping[str, Any]) -> JudgeResult:
    known: dict[str, Any] = {name: int(entry.get(to_camel(name), 0)) for name in _JUDGE_COUNTS}
    known |= {name: number_of(entry.get(name)) for name in ("agreement", "kappa", "cost")}
    known |= {name: str(entry.get(to_camel(name), "")) for name in ("model_digest", "prompt_digest")}
    return JudgeResult(model=str(entry["model"]), **known)
