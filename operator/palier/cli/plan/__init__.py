"""`palier plan`: what would serving this model cost, at the proof of concept, at the target and beyond?"""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from palier.cli.commands import STATUSES, Commands, new_command
from palier.cli.files import leave
from palier.cli.plan.values import by_variant, parse_duration, parse_named, parse_rate, parse_whole
from palier.cli.terminal import print_drawing, print_json, warn

if TYPE_CHECKING:
    from palier.cli.plan.file import Draft
    from palier.cli.plan.outcome import Knowledge
    from palier.economics.prices import PriceTable

DESCRIPTION = """\
Tells what serving a model will take and cost before anything is deployed: replicas and money in a month at the
traffic of the proof of concept, at the target, and at two and ten times the target; the most traffic that the budget
pays for; and whether the target is within it. Needs no cluster.

  palier plan model.yaml --prices prices.yaml --capacity 12.5
  palier plan model.yaml --prices prices.yaml --capacity heavy=1.5 --capacity distilled=3.3 --svg plan.svg
  kubectl get modeldeployment chat -o yaml | palier plan - --prices prices.yaml       with its measured capacity
  palier plan model.yaml --prices prices.yaml --capacity 12.5 --json | jq .verdict

The file's spec.scale says which traffic, spec.budget how much money. Prices are a YAML file:

  currency: EUR
  source: price list of our provider
  asOf: 2026-11-01
  cpuHour: "0.031"
  memoryGiBHour: "0.0042"
  gpuHour: {L4: "0.69"}

The capacity is that of one replica within every objective. A load test measures it, and an object read from the
cluster brings it along; --capacity declares it. --service-time and --concurrency add how fast answers come, as queueing
theory says (M/M/c), where no load test has measured it.

Exit status: 0 the target is within the budget, 3 it is not, 4 nothing can be said, 1 and 2 mistakes."""


def add_command(commands: Commands) -> None:
    """Add `palier plan` to the commands."""
    summary = "tell what serving a model will cost, and whether the budget allows it"
    command = new_command(commands, "plan", summary, DESCRIPTION)
    command.add_argument("file", metavar="FILE", help="a file with ModelDeployments; - for the standard input")
    command.add_argument("--prices", metavar="FILE", help="the price table")
    command.add_argument(
        "--capacity",
        type=parse_named(parse_rate),
        action="append",
        default=[],
        metavar="[VARIANT=]RPS",
        help="requests per second that one replica carries within the objectives; once for each variant",
    )
    command.add_argument(
        "--poc",
        type=parse_rate,
        metavar="RPS",
        help="requests per second of the proof of concept, in place of the file's",
    )
    command.add_argument(
        "--service-time",
        type=parse_named(parse_duration),
        action="append",
        default=[],
        metavar="[VARIANT=]TIME",
        help="mean time of work on one request, such as 120ms; without it, the one that fits the capacity",
    )
    command.add_argument(
        "--concurrency",
        type=parse_named(parse_whole),
        action="append",
        default=[],
        metavar="[VARIANT=]N",
        help="requests that one replica works on at once (1)",
    )
    command.add_argument(
        "--json", action="store_true", help="print one JSON object for each ModelDeployment, one per line"
    )
    command.add_argument("--svg", metavar="FILE", help="draw cost and answer time against traffic")
    command.set_defaults(run=_run, command=command)


def _run(options: argparse.Namespace) -> int:
    # Only now: the other commands must not wait for the API's models to load.
    from palier.cli.plan.chart import Terminal  # noqa: PLC0415
    from palier.cli.plan.file import drafts  # noqa: PLC0415
    from palier.cli.plan.outcome import find_worst, outcome  # noqa: PLC0415
    from palier.cli.plan.page import page  # noqa: PLC0415
    from palier.cli.plan.report import report  # noqa: PLC0415

    documents = drafts(options.file)
    if options.svg and len(documents) > 1:
        options.command.error(f"argument --svg: draws one ModelDeployment, and {options.file} holds {len(documents)}")
    known = _knowledge(options, documents)
    outcomes = [outcome(draft, known) for draft in documents]
    for one in outcomes:
        for note in one.notes:
            warn(f"palier: {one.draft.deployment.metadata.name}: {note}")
    if options.svg:
        from palier.cli.plan.picture import svg  # noqa: PLC0415
        from palier.cli.plan.scene import scene  # noqa: PLC0415

        leave(options.svg, svg(scene(outcomes[0])), option="svg")
    if options.json:
        print_json("\n".join(json.dumps(report(one)) for one in outcomes))
    else:
        print_drawing("\n\n".join(page(one, Terminal.from_stream(sys.stdout)) for one in outcomes))
    return STATUSES[find_worst(one.choice.verdict for one in outcomes)]


def _knowledge(options: argparse.Namespace, documents: "tuple[Draft, ...]") -> "Knowledge":
    """What the command line adds to the file."""
    from palier.api.variants import resolve_variants  # noqa: PLC0415
    from palier.cli.plan.latency import Work  # noqa: PLC0415
    from palier.cli.plan.outcome import Knowledge  # noqa: PLC0415

    variants = list(dict.fromkeys(option.name for draft in documents for option in resolve_variants(draft.deployment)))
    try:
        capacities = by_variant("capacity", options.capacity, variants)
        times = by_variant("service-time", options.service_time, variants)
        numbers = by_variant("concurrency", options.concurrency, variants)
    except ValueError as error:
        options.command.error(f"argument --{error}")
    return Knowledge(
        today=datetime.now(UTC).date(),
        prices=_prices(options.prices) if options.prices else None,
        prices_problem="no prices were given: use --prices FILE" if not options.prices else "",
        capacities=capacities,
        work={name: Work(times.get(name), numbers.get(name)) for name in times.keys() | numbers.keys()},
        poc=options.poc,
    )


def _prices(path: str) -> "PriceTable":
    """Read the price table.

    Raises:
        InvalidSettings: the file cannot be read.
        InvalidPrices: a field of it is no price.
    """
    import yaml  # noqa: PLC0415

    from palier.cli.yaml_files import explain_unreadable  # noqa: PLC0415
    from palier.economics.prices import PriceTable  # noqa: PLC0415
    from palier.errors import InvalidPrices  # noqa: PLC0415

    with explain_unreadable(path):
        written = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    try:
        return PriceTable.parse(written)
    except InvalidPrices as error:
        raise InvalidPrices(f"{path}: {error.field}".removesuffix(": "), error.message) from None
