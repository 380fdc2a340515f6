"""The command line: ``python -m local.demo``, or ``make demo``."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from local import cluster
from local.demo.acts import ACTS, NAME
from local.demo.setting import LOCAL_METRICS, Metrics, Options, Setting, applied
from local.demo.story import Stage, Story
from local.demo.table import Result, render
from local.demo.terminal import Terminal, Tone, excerpt
from local.demo.watching import Watcher
from local.errors import LocalError
from local.reservation import OccupiedError, reserve
from local.traffic import MAX_RATE

_DESCRIPTION = """\
The main job of Palier on a real Kubernetes: a heavy model is replaced by a light one, two bad versions are sent back,
and Prometheus goes away in the middle of a release, while users send requests all the time. Then production is planned:
both models are load-tested, and the one that costs too much is refused. Ends with a table of what users saw, and one of
what the plan takes. The exit code is 0 only if every act ended as it should and no request failed but by a bad version
itself.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration and return the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given = _parser().parse_args(arguments)
    if given.kubeconfig:
        os.environ["PALIER_KUBECONFIG"] = given.kubeconfig
    terminal = Terminal(sys.stdout)
    try:
        with reserve("the demonstration"):
            return _present(given, terminal)
    except OccupiedError as error:
        terminal.text(f"error: {error}", Tone.BAD)
        return 2


def _present(given: argparse.Namespace, terminal: Terminal) -> int:
    setting = Setting(_options(given))
    try:
        terminal.text("Palier's demonstration. Setting the stage:", Tone.HEADING)
        setting.prepare()
        terminal.text(f"ready for the first act after {terminal.elapsed():.0f} s")
        results = _play(given, terminal, setting)
    except LocalError as error:
        terminal.text(f"error: {error}", Tone.BAD)
        return 2
    except KeyboardInterrupt:
        terminal.text("\ninterrupted: the traffic is stopped and Prometheus is back", Tone.WARNING)
        setting.withdraw(keep=given.keep)
        return 130
    terminal.text("")
    terminal.text("── What users saw ".ljust(110, "─"), Tone.HEADING)
    terminal.text(render(results, colour=terminal.colour))
    _show(given.namespace, terminal)
    return _verdict(results, terminal)


def _play(given: argparse.Namespace, terminal: Terminal, setting: Setting) -> list[Result]:
    metrics = Metrics(setting.options.metrics) if setting.options.metrics else None
    acts = [act for act in ACTS if act.number in {0, *given.acts} and (metrics or not act.outage)]
    if metrics is None:
        terminal.text("Act 4 is left out: it needs --prometheus-deployment NAMESPACE/NAME", Tone.WARNING)
    with Watcher(cluster.kubeconfig_path(), given.namespace) as watcher:
        stage = Stage(
            terminal=terminal,
            seen=watcher.seen,
            manifest=setting.manifest,
            apply=applied,
            url=f"http://{cluster.gateway_address()}/v1/detect",
            rate=setting.options.rate,
            take_away=metrics.take_away if metrics else lambda: None,
            bring_back=metrics.bring_back if metrics else lambda: None,
            outage=12.0 if given.fast else 25.0,
            settle=3.0 if given.fast else 5.0,
            record=given.record,
        )
        return Story(stage).play(acts)


def _show(namespace: str, terminal: Terminal) -> None:
    """Show the objects that a user would look at, and how to go on."""
    for command in (
        ("get", "modeldeployments", "--namespace", namespace),
        ("describe", "modeldeployment", NAME, "--namespace", namespace),
    ):
        terminal.text("")
        terminal.text(f"$ kubectl {' '.join(command)}", Tone.HEADING)
        output = cluster.kubectl(*command, check=False)
        terminal.text(excerpt(output) if command[0] == "describe" else output.rstrip())
    terminal.text("")
    terminal.text("How to go on", Tone.HEADING)
    if cluster.is_local():
        terminal.text('  eval "$(python -m local env)"      kubectl and helm of this shell look at the cluster')
        terminal.text("  python -m local status             what of it is running")
        terminal.text("  make down                          take it down; it stays up until then")
    else:
        terminal.text(f"  kubectl delete namespace {namespace} && helm uninstall palier -n palier-system")
    terminal.text("  kubectl apply -f examples/language-id/…   another version; see the README there")


def _verdict(results: Sequence[Result], terminal: Terminal) -> int:
    failed = [result.number for result in results if not result.as_told]
    terminal.text("")
    if failed:
        terminal.text(f"Not as told: act {', '.join(map(str, failed))}.", Tone.BAD)
        return 1
    terminal.text(f"All {len(results)} acts ended as told, after {terminal.elapsed() / 60:.1f} minutes.", Tone.GOOD)
    return 0


def _options(given: argparse.Namespace) -> Options:
    local = cluster.is_local()
    metrics = LOCAL_METRICS if local else None
    if given.prometheus_deployment:
        metrics = given.prometheus_deployment
    return Options(
        namespace=given.namespace,
        rate=given.rate or (100.0 if given.fast else 50.0),
        fast=given.fast,
        image_registry=None if local else given.image_registry,
        metrics=metrics,
        scrape_interval=given.scrape_interval or (1 if local else 15),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.demo", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--fast", action="store_true", help="shorter stages and twice the traffic")
    add("--keep", action="store_true", help="when interrupted, leave everything as it is")
    add("--acts", type=_numbers, default=[act.number for act in ACTS], help="only these, such as 1,3 (0 always comes)")
    add("--namespace", default="ml", help="where the ModelDeployment goes (default: %(default)s)")
    add("--rate", type=_rate, help="users' requests per second (default: 50, with --fast 100)")
    add("--record", type=Path, metavar="FILE", help="write every response to this file, one JSON object a line")
    own = parser.add_argument_group("a cluster of your own")
    own.add_argument("--kubeconfig", metavar="FILE", help="of that cluster (default: PALIER_KUBECONFIG, if it is set)")
    own.add_argument("--image-registry", metavar="REGISTRY", help="where its nodes find the images palier, language-id")
    own.add_argument(
        "--prometheus-deployment", type=_namespaced, metavar="NAMESPACE/NAME", help="what act 4 may scale to 0 and back"
    )
    own.add_argument("--scrape-interval", type=int, metavar="SECONDS", help="of its Prometheus (default: 15)")
    return parser


def _numbers(text: str) -> list[int]:
    known = {str(act.number) for act in ACTS}
    numbers = text.split(",")
    if not set(numbers) <= known:
        raise argparse.ArgumentTypeError(f"numbers from 0 to {len(ACTS) - 1}, separated by commas")
    return [int(number) for number in numbers]


def _namespaced(text: str) -> tuple[str, str]:
    namespace, _, name = text.partition("/")
    if not namespace or not name:
        raise argparse.ArgumentTypeError("a namespace and a name, separated by /")
    return namespace, name


def _rate(text: str) -> float:
    rate = float(text)
    if not 1 <= rate <= MAX_RATE:
        raise argparse.ArgumentTypeError(f"from 1 to {MAX_RATE:g}")
    return rate


if __name__ == "__main__":
    sys.exit(main())
