"""`palier slo`: the objectives of a file for tools that watch SLOs, and the SLOs of such tools as objectives."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from palier.cli.commands import Commands, new_command
from palier.cli.terminal import print_text, warn
from palier.errors import InvalidSettings, InvalidSpec

if TYPE_CHECKING:
    from palier.api.v1alpha1 import ModelDeployment
    from palier.watch.slo.export import Scope
    from palier.watch.slo.record import SloRecord

FORMATS: Final = ("openslo", "sloth", "pyrra")
UNITS: Final = ("Seconds", "Milliseconds", "Microseconds")

_SLO = """\
Objectives are promises, and so are SLOs: nobody should have to write them twice.

  palier slo export model.yaml --format sloth | kubectl apply -f -
  palier slo import slos.yaml"""

_EXPORT = """\
Writes the objectives of a ModelDeployment's file as SLOs over 28 days: errorRate, latency and ratio. Needs no cluster.

  palier slo export model.yaml                                                   OpenSLO v1
  palier slo export model.yaml --format sloth --every-revision > slo.yaml        for Git: also after the next promotion
  palier slo export models.yaml --name chat --format pyrra
  kubectl get modeldeployment chat -n ml -o yaml | palier slo export - --format sloth | kubectl apply -f -

The queries select the pods of the stable revision, by their names. It is the one of the object's status; a file without
status describes it. After the next promotion another revision is stable: export again, or use --every-revision. The
counters of a ratio are taken for those of the pods; --ratios revision takes those of another program that names the
revision in a label.

What other tools have no word for (segmentBy, labelDelay, proof) is kept in annotations, by which `palier slo import`
makes the same objective again. What is left out is said on the standard error.

Exit status: 0 written, 1 a mistake in the file, or nothing in it can be an SLO, 2 a mistake at the command line."""

_IMPORT = """\
Reads SLOs of OpenSLO v1, Sloth or Pyrra and prints the objectives, with the signals that they read, to paste into the
spec of a ModelDeployment. Needs no cluster.

  palier slo import slos.yaml
  kubectl get prometheusservicelevel api -n ml -o yaml | palier slo import -
  palier slo import slos.yaml --unit Milliseconds

Palier counts events: bad ones of one counter among all of another, or those above an edge of a histogram. An SLO that
means something else (a threshold, slices of time, a calendar month, a share that a query computes) is refused, with the
field that it cannot keep. What is no part of the promise, such as descriptions and alerts, is left out, and said on the
standard error.

Exit status: 0 all of it was read, 1 a mistake in the file, or an SLO that cannot be an objective, 2 a mistake at the
command line."""


def add_command(commands: Commands) -> None:
    """Add `palier slo` to the commands."""
    slo = new_command(commands, "slo", "exchange objectives with OpenSLO, Sloth and Pyrra", _SLO)
    actions = slo.add_subparsers(title="commands", metavar="COMMAND", required=True)
    export = new_command(actions, "export", "write objectives as SLOs of other tools", _EXPORT)
    export.add_argument("file", metavar="FILE", help="a file with ModelDeployments; - for the standard input")
    export.add_argument("--format", choices=FORMATS, default="openslo", help="whose objects to write (openslo)")
    export.add_argument("--name", metavar="NAME", help="the ModelDeployment to write, where the file holds several")
    export.add_argument(
        "--every-revision", action="store_true", help="select the pods of all revisions, not those of stable alone"
    )
    export.add_argument(
        "--ratios",
        choices=("pods", "revision"),
        default="pods",
        help="who exports the counters of a ratio: the model's pods, or a program with a label revision (pods)",
    )
    export.set_defaults(run=_export)
    read = new_command(actions, "import", "print SLOs of other tools as objectives", _IMPORT)
    read.add_argument("file", metavar="FILE", help="a file with SLOs; - for the standard input")
    read.add_argument("--unit", choices=UNITS, help="unit of histograms whose names do not tell it")
    read.set_defaults(run=_import)


def _export(options: argparse.Namespace) -> None:
    # Only now: the other commands must not wait for the API's models to load.
    from palier.api.constants import KIND  # noqa: PLC0415
    from palier.api.v1alpha1 import parse  # noqa: PLC0415
    from palier.watch.slo.export import export_objectives  # noqa: PLC0415

    write = _format(options.format).write_slo
    bodies = [one for one in _read_objects(options.file) if one.get("kind") == KIND]
    if not bodies:
        raise InvalidSettings(f"{options.file} holds no {KIND}")
    if options.name:
        bodies = [one for one in bodies if _name_of(one) == options.name]
        if not bodies:
            raise InvalidSettings(f"--name: {options.file} holds no {KIND} called {options.name}")
    written: list[dict[str, Any]] = []
    for body in bodies:
        deployment = parse(body)
        scope = _scope(deployment, body, options)
        found = export_objectives(deployment, scope)
        notes = list(found.notes)
        if scope.revision:
            notes.append(f"only revision {scope.revision} is selected: export again after the next promotion")
        for record in found.records:
            try:
                written.append(write(record))
            except InvalidSpec as error:
                notes.append(f"{error.field} ({record.name}) is not written: {error.message}")
        for note in notes:
            warn(f"palier: {deployment.metadata.name}: {note}")
    if not written:
        raise InvalidSpec("spec.objectives", f"none of them can be an SLO of {options.format}")
    print_text(_write_yaml(written).rstrip())


def _import(options: argparse.Namespace) -> None:
    from palier.api.spec.values import TimeUnit  # noqa: PLC0415
    from palier.watch.slo.adopt import adopt_records  # noqa: PLC0415

    notes: list[str] = []
    records = list(_read_records(options.file, notes))
    if not records:
        raise InvalidSettings(f"{options.file} holds no SLO of OpenSLO v1, Sloth or Pyrra")
    adopted = adopt_records(records, unit=TimeUnit(options.unit) if options.unit else None)
    for note in [*notes, *(f"these objectives need {need}" for need in adopted.needs)]:
        warn(f"palier: {note}")
    spec: dict[str, Any] = {"signals": dict(adopted.signals)} if adopted.signals else {}
    print_text(_write_yaml([{**spec, "objectives": list(adopted.objectives)}]).rstrip())


def _read_records(path: str, notes: list[str]) -> Iterator["SloRecord"]:
    """The records of every object of a file; other objects are named."""
    readers = {(one.API_VERSION, one.KIND): one.read_slo for one in map(_format, FORMATS)}
    for body in _read_objects(path):
        kind, version = str(body.get("kind") or "an object without a kind"), str(body.get("apiVersion"))
        known = readers.get((version, kind))
        if known is not None:
            origin, left_out = f"{kind} {_name_of(body)}".rstrip(), list[str]()
            try:
                yield from (replace(record, origin=origin) for record in known(body, left_out))
            except InvalidSpec as error:
                raise InvalidSpec(f"{origin}: {error.field}", error.message) from None
            if left_out:
                notes.append(f"left out of {origin}, as no objective says it: {', '.join(left_out)}")
        elif kind in {kind for _, kind in readers}:
            raise InvalidSettings(f"{path}: {kind} {_name_of(body)} is of {version}, which Palier does not know")
        else:
            notes.append(f"{f'{kind} {_name_of(body)}'.rstrip()} is not read: it is no SLO")


def _format(name: str) -> Any:  # noqa: ANN401 - a module
    from palier.watch.slo import openslo, pyrra, sloth  # noqa: PLC0415

    return {"openslo": openslo, "sloth": sloth, "pyrra": pyrra}[name]


def _scope(deployment: "ModelDeployment", body: Mapping[str, Any], options: argparse.Namespace) -> "Scope":
    """Whose series are meant."""
    from palier.api.revision import revision_hash  # noqa: PLC0415
    from palier.measuring.resolve import Serving  # noqa: PLC0415
    from palier.watch.slo.export import CountedBy, Scope  # noqa: PLC0415

    model, ratios = deployment.spec.model, CountedBy(options.ratios)
    stable = _find_stable(body)
    if stable:
        serving = Serving(str(stable.get("runtime") or ""), str(stable.get("runtimeVersion") or ""))
        return Scope("" if options.every_revision else str(stable["revision"]), serving, ratios)
    serving = Serving(model.runtime.value if model.runtime else "", model.runtime_version or "")
    if options.every_revision:
        return Scope("", serving, ratios)
    if model.prompts or deployment.spec.serving.variants:
        what = "spec.model.prompts" if model.prompts else "spec.serving.variants"
        raise InvalidSpec(
            what, "only the cluster knows which revision this file is: export from `kubectl get`, or --every-revision"
        )
    return Scope(revision_hash(model, deployment.spec.serving, {}), serving, ratios)


def _find_stable(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What the status says of the stable revision; None where the file has no status."""
    status = body.get("status")
    stable = status.get("stable") if isinstance(status, dict) else None
    return stable if isinstance(stable, dict) and isinstance(stable.get("revision"), str) else None


def _read_objects(path: str) -> list[dict[str, Any]]:
    """Every object of a file, also those of lists as `kubectl get --output yaml` prints them."""
    import yaml  # noqa: PLC0415

    from palier.cli.yaml_files import explain_unreadable  # noqa: PLC0415

    with explain_unreadable(path):
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
        documents = list(yaml.safe_load_all(text))
    found: list[dict[str, Any]] = []
    for document in documents:
        items = document.get("items") if isinstance(document, dict) else None
        found += [one for one in (items if isinstance(items, list) else [document]) if isinstance(one, dict)]
    return found


def _name_of(body: Mapping[str, Any]) -> str:
    metadata = body.get("metadata")
    return str(metadata.get("name") or "") if isinstance(metadata, dict) else ""


def _write_yaml(documents: list[dict[str, Any]]) -> str:
    import yaml  # noqa: PLC0415

    return yaml.safe_dump_all(documents, sort_keys=False, width=10_000, allow_unicode=True)
