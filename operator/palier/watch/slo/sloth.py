"""Sloth's `PrometheusServiceLevel`: from it Sloth makes the recording and alerting rules of Prometheus.

One object is written for each objective. Sloth's window is a setting of its installation (30 days, or 28) and stands in
no object.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from palier.watch.slo.fields import Fields
from palier.watch.slo.promql import (
    Sums,
    bucket_selector,
    count_selector,
    parse_sums,
    read_edge,
    write_bad_rate,
    write_sum,
    write_total_rate,
)
from palier.watch.slo.record import Counters, Edge, Places, SloRecord, write_number

API_VERSION: Final = "sloth.slok.dev/v1"
KIND: Final = "PrometheusServiceLevel"

_WINDOW: Final = "{{.window}}"
_SPACED: Final = re.compile(r"\{\{\s*\.window\s*\}\}")


def write_slo(record: SloRecord) -> dict[str, Any]:
    """The object of a record."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": record.object_name, "namespace": record.namespace, "annotations": record.annotations},
        "spec": {
            "service": record.service,
            "slos": [
                {
                    "name": record.name,
                    "objective": write_number(record.target),
                    "description": record.description,
                    "sli": {"events": _write_events(record.indicator)},
                    "alerting": {
                        "name": "PalierErrorBudgetBurn",
                        "labels": {"modeldeployment": record.service, "objective": record.name},
                        "pageAlert": {"labels": {"severity": "page"}},
                        "ticketAlert": {"labels": {"severity": "ticket"}},
                    },
                }
            ],
        },
    }


def read_slo(body: Mapping[str, Any], left_out: list[str]) -> Iterator[SloRecord]:
    """The records of an object.

    Args:
        body: the object.
        left_out: gets the fields that are no part of a promise.

    Raises:
        InvalidSpec: a part of it means something that Palier cannot promise.
    """
    level = Fields(body, "", left_out)
    level.check_names(("apiVersion", "kind", "metadata", "spec"), left_out=("status",))
    marks = level.marks()
    metadata, spec = level.part("metadata"), level.part("spec")
    spec.check_names(("service", "slos"), left_out=("labels", "sloPlugins"))
    slos = list(spec.parts("slos"))
    if marks and len(slos) != 1:
        spec.refuse(
            "slos", "Palier's annotations are about one SLO; those of others belong into an object of their own"
        )
    for slo in slos:
        slo.check_names(("name", "objective", "sli"), left_out=("description", "labels", "alerting", "plugins"))
        sli = slo.part("sli")
        sli.check_names(("events", "raw", "plugin"))
        if sli.has("raw"):
            sli.refuse("raw", "Palier counts events, and cannot count a share: events")
        if sli.has("plugin"):
            sli.refuse("plugin", "the queries have to stand in the object: events")
        events = sli.part("events")
        events.check_names(("errorQuery", "totalQuery"))
        yield SloRecord(
            name=slo.text("name"),
            service=spec.text("service"),
            namespace=metadata.text("namespace") if metadata.has("namespace") else "",
            target=slo.number("objective"),
            indicator=_read_events(events),
            marks=marks,
            places=Places(
                name=slo.name_field("name"),
                target=slo.name_field("objective"),
                bad=events.name_field("errorQuery"),
                total=events.name_field("totalQuery"),
            ),
        )


def _write_events(indicator: Counters | Edge) -> dict[str, str]:
    if isinstance(indicator, Edge):
        count = [count_selector(indicator)]
        fast = write_sum([bucket_selector(indicator)], window=_WINDOW)
        return {
            "errorQuery": f"{write_sum(count, window=_WINDOW)} - {fast}",
            "totalQuery": write_total_rate(count, window=_WINDOW),
        }
    return {
        "errorQuery": write_bad_rate(indicator.bad, window=_WINDOW),
        "totalQuery": write_total_rate(indicator.total, window=_WINDOW),
    }


def _read_events(events: Fields) -> Counters | Edge:
    bad, total = _read_query(events, "errorQuery"), _read_query(events, "totalQuery")
    if total.minus:
        events.refuse("totalQuery", "counters can be added here, and not subtracted")
    if not bad.minus:
        return Counters(tuple(one.text for one in bad.plus), tuple(one.text for one in total.plus))
    try:
        single = len(bad.plus) == len(bad.minus) == 1 and bad.plus == total.plus
        edge = read_edge(bad.minus[0], bad.plus[0]) if single else None
    except ValueError as error:
        events.refuse("errorQuery", str(error))
    if edge is None:
        events.refuse(
            "errorQuery", "only the bucket of a histogram can be subtracted, from its count, which is the total"
        )
    return edge


def _read_query(events: Fields, name: str) -> Sums:
    try:
        return parse_sums(_SPACED.sub(_WINDOW, events.text(name)), window=_WINDOW)
    except ValueError as error:
        events.refuse(name, str(error))
