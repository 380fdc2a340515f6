"""ADWIN's opinion on the same labels, where River is installed (`pip install 'palier[drift]'`).

It compares the halves of a window that it cuts itself, so it needs no tolerated share; it is later than our own
detector, and it makes no statement on how often it is wrong on average. Two that agree are more than one.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

from palier.watch.edetector import Batch

if TYPE_CHECKING:
    from river.drift import ADWIN


class Opinion(StrEnum):
    """What it says of a series of labels."""

    NOT_INSTALLED = "NotInstalled"
    WORSE = "Worse"
    NOT_WORSE = "NotWorse"


def ask_adwin(batches: Iterable[Batch]) -> Opinion:
    """Whether the share of wrong labels has risen within the batches, the oldest first, by ADWIN's defaults.

    The wrong labels of a batch count as evenly spread over it.
    """
    try:
        # Only now: River is an extra.
        from river.drift import ADWIN  # noqa: PLC0415
    except ImportError:
        return Opinion.NOT_INSTALLED
    adwin = ADWIN()
    rises = [_find_rise(adwin, batch, label) for batch in batches for label in range(batch.labels)]
    return Opinion.WORSE if any(rises) else Opinion.NOT_WORSE


def _find_rise(adwin: "ADWIN", batch: Batch, label: int) -> bool:
    """Whether ADWIN cuts its window at one label of a batch, and what is left is worse than the whole was."""
    before = adwin.estimation
    adwin.update(float(round(batch.wrong * (label + 1) / batch.labels) > round(batch.wrong * label / batch.labels)))
    return adwin.drift_detected and adwin.estimation > before
