"""Texts of others that the operator reads as JSON: what pods of theirs have said, and what their specs hold."""

import pytest

from palier.api.spec.load_test import Corpus
from palier.cluster.jobs import _progress
from palier.golden.result import GoldenResult
from palier.loadtest.result import LoadTestResult
from palier.manifests.corpora import corpus_text

DEEP = "[" * 60_000


@pytest.mark.parametrize("kind", [GoldenResult, LoadTestResult])
def test_a_result_that_is_too_deep_is_none(kind: type[GoldenResult] | type[LoadTestResult]) -> None:
    """The last words of a pod may be anything: the Job ended without a result, and nothing else happens."""
    with pytest.raises(ValueError, match="not the result of"):
        kind.from_json(DEEP)


def test_an_entry_that_is_too_deep_is_a_text() -> None:
    """A block of several lines is put on one line, whatever it is: the corpus that reads it says what is wrong."""
    assert corpus_text(Corpus(inline=[f"[\n{DEEP[:4_000]}"])) == f'"[\\n{DEEP[:4_000]}"\n'


def test_a_line_of_a_log_that_is_too_deep_is_no_progress() -> None:
    """An earlier line may be."""
    assert _progress(f'{{"progress": {{"done": 1}}}}\n{DEEP}') == {"done": 1}
