"""A model server that many examinations need."""

from collections.abc import Iterator

import pytest

from tests.support.golden.models import Model, model, says
from tests.support.golden.runs import french


@pytest.fixture
def good() -> Iterator[Model]:
    """A model that is always right."""
    with model(says(french)) as one:
        yield one
