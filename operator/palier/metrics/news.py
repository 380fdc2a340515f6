"""Tells the releases that cannot wait from those that were merely looked at."""

import logging

from palier.measuring.alerts import UNTOLD, Alerts, alerts_of
from palier.measuring.look import WatchedRelease
from palier.metrics.owners import Key

logger = logging.getLogger(__name__)


class News:
    """Where each release stood when whoever judges it was last told.

    It forgets a release that begins another stage, or anew after a restart: a breach is told then once more.
    """

    def __init__(self) -> None:
        self._told: dict[Key, Alerts] = {}

    def take(self, key: Key, watched: WatchedRelease) -> bool:
        """Whether a release stands elsewhere than it was told to; from now on that counts as told."""
        try:
            alerts = alerts_of(watched)
        except Exception:  # whoever judges it says what is wrong; the looks at all others go on
            logger.exception("%s/%s cannot be judged", *key)
            return True
        before, self._told[key] = self._told.get(key, UNTOLD), alerts
        return alerts != before

    def forget(self, key: Key) -> None:
        """Count nothing as told of a release."""
        self._told.pop(key, None)
