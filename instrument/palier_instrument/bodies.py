"""What both kinds of middleware do with the body of a request, once the application has read it."""

import json
from collections.abc import Sequence
from typing import Final

from palier_instrument.declaration import Step
from palier_instrument.values import find_value
from palier_instrument.watching import Watch

MOST_BYTES: Final = 64 * 1024
"""Bodies that are larger are not parsed a second time, unless the middleware is told otherwise."""


class BodyError(ValueError):
    """A body has no features that could be read."""


def count_body(watch: Watch, body: bytes, within: Sequence[Step]) -> None:
    """Count the features in the body of a request. Never raises.

    Args:
        watch: what counts them.
        body: the whole of it.
        within: steps to the object that has the features.
    """
    try:
        features = find_value(json.loads(body), within)
        if not isinstance(features, dict):
            raise BodyError("there is no JSON object")  # noqa: TRY301 - one place reports all that goes wrong
    except Exception as error:  # noqa: BLE001 - also what a thousand levels of brackets raise
        watch.report_error("body", error)
        return
    watch.count(features)
