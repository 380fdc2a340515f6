"""By what objects are found without looking at all of a kind: a few labels, and the hostnames that they name.

Every pass asks for what belongs to one ModelDeployment and who else claims its hostnames. A pass that went through all
objects of the cluster for that would cost a fleet the square of its size.

Hostnames are compared literally, as they are written: a wildcard is a name like any other.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from palier.api.constants import KIND, LABEL_DEPLOYMENT

SERVICE_NAME: Final = "kubernetes.io/service-name"
"""Label of an EndpointSlice: the Service that it belongs to."""

INDEXED_LABELS: Final = (SERVICE_NAME, LABEL_DEPLOYMENT)
"""Labels that objects of every kind are found by; of two that are asked for the first finds fewer objects."""

HOSTNAME: Final = "hostname"
"""Name of the index of hostnames: of HTTPRoutes as they are written, of ModelDeployments in lower case."""

NO_HOSTNAME: Final = ""
"""Stands in that index for an HTTPRoute that names no hostname, which is one for all of them."""


def entries_of(obj: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where an object is entered: the name of an index and the value there, each pair once."""
    labels = obj["metadata"].get("labels") or {}
    for label in INDEXED_LABELS:
        if label in labels:
            yield label, labels[label]
    if named := _NAMED.get(obj["kind"]):
        for hostname in named(obj):
            yield HOSTNAME, hostname


def _of_route(route: Mapping[str, Any]) -> frozenset[str]:
    return strings(look_up(route, "spec", "hostnames")) or frozenset({NO_HOSTNAME})


def _of_deployment(deployment: Mapping[str, Any]) -> frozenset[str]:
    return lower_texts(look_up(deployment, "spec", "traffic", "gateway", "hostnames"))


_NAMED: Final[Mapping[str, Callable[[Mapping[str, Any]], frozenset[str]]]] = {
    "HTTPRoute": _of_route,
    KIND: _of_deployment,
}


def look_up(value: Any, *path: str) -> Any:  # noqa: ANN401 - any JSON value
    """What stands at a path of a JSON value; None where anything on the way is missing or has another shape."""
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def strings(value: Any) -> frozenset[str]:  # noqa: ANN401 - any JSON value
    """The texts of a list; none where it is no list."""
    return frozenset(text for text in value if isinstance(text, str)) if isinstance(value, list) else frozenset()


def lower_texts(value: Any) -> frozenset[str]:  # noqa: ANN401 - any JSON value
    """The texts of a list in lower case, as hostnames are the same in both."""
    return frozenset(text.lower() for text in strings(value))
