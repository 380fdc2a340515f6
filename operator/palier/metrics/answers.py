"""What Prometheus has answered to a look at the whole fleet, as each release reads its part."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from palier.measuring.interval import Answer
from palier.measuring.look import SCRAPED
from palier.measuring.questions import Question
from palier.metrics.owners import Key, Owners

logger = logging.getLogger(__name__)

TOLD: Final = 10
"""Reasons that the log names after one look."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What Prometheus has answered, sorted by whose it is."""

    found: Mapping[Question, Mapping[Key, Answer]]
    """The series, by question and by release."""
    lacking: Mapping[Key, Mapping[Question, str]]
    """Why there is no answer, by release: one's questions may fail while another's are answered."""
    owners: Owners
    """Who has sorted them."""

    def for_release(self, key: Key) -> dict[Question, Answer]:
        """The series of one release."""
        return {question: mine for question, found in self.found.items() if (mine := found.get(key))}

    def list_unanswered(self, key: Key) -> Mapping[Question, str]:
        """Why questions of one release have no answer."""
        return self.lacking.get(key, {})

    def list_scrapes(self, key: Key) -> Answer:
        """The `up` series of one release's pods."""
        return self.found.get(SCRAPED, {}).get(key, {})

    def list_unclear(self, key: Key) -> Mapping[tuple[Question, str], str]:
        """Questions and revisions of one release whose series may be another one's as well, and why."""
        return self.owners.list_unclear(key)

    def report(self, of: str = "a look") -> bool:
        """Whether any question has failed; then the log says why, once for each reason."""
        reasons = sorted({reason for mine in self.lacking.values() for reason in mine.values()})
        for reason in reasons[:TOLD]:
            logger.warning("%s failed: %s", of, reason)
        if len(reasons) > TOLD:
            logger.warning("%s failed for %d more reasons", of, len(reasons) - TOLD)
        return bool(reasons)
