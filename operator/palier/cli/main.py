"""The command line: what can be typed, what it teaches with --help, and how a mistake is reported.

A user's mistake ends with one line and exit status 1; only a defect of ours shows a traceback.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence

from palier.cli import answers, drift, examine, loadtest, plan, shadow, simulate, slo
from palier.cli.commands import new_command
from palier.cli.terminal import print_text, warn
from palier.errors import PalierError
from palier.settings import VERSION, Settings, add_arguments

REQUESTS: dict[str, tuple[str, str]] = {
    "status": (
        "show where a release stands and why",
        (
            "Shows the owner, the stable and the candidate revision, the stage and its weight, the verdict on every\n"
            "objective with its numbers, and how the last releases ended.\n\n"
            "  palier status language-id -n ml"
        ),
    ),
    "abort": (
        "take the candidate back now",
        (
            "Ends the release in progress: all traffic returns to the stable revision, and the candidate is\n"
            "refused until the spec changes or `palier retry` asks for it. The same as this annotation:\n\n"
            "  palier abort language-id -n ml\n"
            "  kubectl annotate mdep language-id -n ml --overwrite palier.dev/abort=<candidate revision>"
        ),
    ),
    "promote": (
        "make the candidate stable now, without its remaining stages",
        (
            "Skips the remaining stages of the release in progress. The pods still have to be ready before traffic\n"
            "moves, and the former stable revision stays warm for release.rollbackWindow. The same as this\n"
            "annotation:\n\n"
            "  palier promote language-id -n ml\n"
            "  kubectl annotate mdep language-id -n ml --overwrite palier.dev/promote=<candidate revision>"
        ),
    ),
    "retry": (
        "try a refused revision once more",
        (
            "After a rollback, an abort or a failed start the revision is refused until the spec changes. When\n"
            "the cause lay elsewhere, this starts a new release of it, from its first stage. The same as this\n"
            "annotation:\n\n"
            "  palier retry language-id -n ml\n"
            "  kubectl annotate mdep language-id -n ml --overwrite palier.dev/retry=<any new value>"
        ),
    ),
    "pause": (
        "keep a release where it is",
        (
            "Sets spec.release.paused: the weight stays, breaches are still acted on. With GitOps, set the field\n"
            "in Git instead, or the next synchronisation takes it back.\n\n"
            "  palier pause language-id -n ml"
        ),
    ),
    "resume": (
        "let a paused release go on",
        "Clears spec.release.paused.\n\n  palier resume language-id -n ml",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 refused or failed, 2 not understood, or the command's own."""
    options = _parser().parse_args(arguments)
    try:
        run: Callable[[argparse.Namespace], int | None] = options.run
        status = run(options) or 0
        sys.stdout.flush()
    except PalierError as error:
        return _fail([error])
    except BaseExceptionGroup as group:
        causes = list(_leaves(group))
        if not all(isinstance(cause, PalierError) for cause in causes):
            raise
        return _fail(causes)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="palier",
        description="Takes a served model to production step by step, and back down when the evidence says so.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (summary, text) in REQUESTS.items():
        command = new_command(commands, name, summary, text)
        command.add_argument("name", metavar="NAME", help="name of the ModelDeployment")
        command.add_argument("-n", "--namespace", help="its namespace (default: that of the kubeconfig's context)")
        command.add_argument(
            "--kubeconfig", metavar="FILE", help="use this kubeconfig (default: the one that kubectl uses)"
        )
        command.add_argument("--context", metavar="NAME", help="context of the kubeconfig (default: its current one)")
        command.set_defaults(run=_request, request=name)
    loadtest.add_command(commands)
    plan.add_command(commands)
    simulate.add_command(commands)
    answers.add_commands(commands)
    drift.add_command(commands)
    examine.add_command(commands)
    shadow.add_command(commands)
    slo.add_command(commands)
    operator = new_command(
        commands,
        "operator",
        "run the operator",
        "Runs the operator until SIGTERM. Inside a cluster it uses its service account, elsewhere the kubeconfig.\n"
        "Every flag can also be given as the environment variable in brackets; the flag wins.\n\n"
        "  palier operator --prometheus-url http://prometheus.monitoring:9090\n"
        "  palier operator --prometheus-url http://localhost:9090 --namespaces ml,ml-staging --log-level debug",
    )
    add_arguments(operator)
    operator.set_defaults(run=_operator)
    version = new_command(commands, "version", "print the version", "Prints the version of this program.")
    version.set_defaults(run=lambda _options: print_text(VERSION))
    return parser


def _request(options: argparse.Namespace) -> None:
    # Only now: commands that need no cluster must not wait for the Kubernetes client to load.
    from palier.cli import requests  # noqa: PLC0415
    from palier.cli.page import page  # noqa: PLC0415
    from palier.cluster.client import KubernetesCluster  # noqa: PLC0415
    from palier.cluster.transport import default_namespace  # noqa: PLC0415

    async def status(cluster: KubernetesCluster, namespace: str, name: str) -> str:
        return page(await requests.find(cluster, namespace, name)).rstrip()

    known: dict[str, Callable[[KubernetesCluster, str, str], Awaitable[str]]] = {
        "status": status,
        "abort": requests.abort,
        "promote": requests.promote,
        "retry": requests.retry,
        "pause": requests.pause,
        "resume": requests.resume,
    }

    async def perform() -> str:
        namespace = options.namespace or default_namespace(kubeconfig=options.kubeconfig, context=options.context)
        cluster = await KubernetesCluster.connect(kubeconfig=options.kubeconfig, context=options.context)
        try:
            return await known[options.request](cluster, namespace, options.name)
        finally:
            await cluster.close()

    print_text(asyncio.run(perform()))


def _operator(options: argparse.Namespace) -> None:
    settings = Settings.read(options, os.environ)
    # Only now: the commands of people must not wait for SciPy and Kopf to load.
    from palier.cli.log import set_up  # noqa: PLC0415
    from palier.cli.operate import operate  # noqa: PLC0415

    set_up(settings)
    asyncio.run(operate(settings))


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _fail(causes: Sequence[BaseException]) -> int:
    for cause in causes:
        warn(f"palier: {cause}")
    return 1
