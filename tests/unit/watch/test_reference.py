"""What is tolerated, learned from a good time: an upper bound, and what it costs to learn it."""

import numpy as np
import pytest
from scipy import stats

from palier.watch.edetector import Batch
from palier.watch.reference import bound_error_rate


def test_a_fixed_number_of_labels_has_the_exact_bound() -> None:
    """That of Clopper and Pearson: where as few wrong ones as there were have a probability of 5 %."""
    for wrong, labels in ((0, 30), (20, 200), (100, 1000), (999, 1000)):
        bound = bound_error_rate(Batch(labels, wrong), size_was_fixed=True)
        assert stats.binom.cdf(wrong, labels, bound) == pytest.approx(0.05)
    assert bound_error_rate(Batch(1000, 100), size_was_fixed=True) == pytest.approx(0.11699, abs=1e-5)


@pytest.mark.parametrize("size_was_fixed", [True, False])
def test_nothing_right_bounds_nothing(size_was_fixed: bool) -> None:
    """A share that may be 1 can be tolerated by nobody, and a rule refuses it."""
    assert bound_error_rate(Batch(20, 20), size_was_fixed=size_was_fixed) == 1.0


def test_a_window_that_ended_for_what_was_in_it_has_a_wider_bound() -> None:
    """Whoever stops at the best moment of 2,000 labels is below the exact bound too often, and not below this one."""
    random = np.random.default_rng(1)
    missed = {True: 0, False: 0}
    for _ in range(200):
        labels = random.random(2000) < 0.1
        wrong = np.cumsum(labels)
        sizes = np.arange(1, labels.size + 1)
        best = int(np.argmin(((wrong - 0.1 * sizes) / np.sqrt(sizes))[50:])) + 50
        for size_was_fixed in missed:
            reference = Batch(int(sizes[best]), int(wrong[best]))
            missed[size_was_fixed] += bound_error_rate(reference, size_was_fixed=size_was_fixed) < 0.1
    assert missed[False] <= 10
    assert missed[True] > 20


def test_without_labels_nothing_is_learned() -> None:
    """There is no share of nothing."""
    with pytest.raises(ValueError, match=r"^the reference window has no label$"):
        bound_error_rate(Batch(0, 0), size_was_fixed=True)
