"""`palier load-test`: the program in the pod of a load test."""

import argparse
import sys
from pathlib import Path

from palier.loadtest.plan import LoadTestPlan
from palier.loadtest.run import Progress, load_test

__all__ = ["add_command"]


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    command = commands.add_parser("load-test", help="find the highest rate at which every objective holds")
    command.add_argument("--plan", type=Path, required=True, metavar="FILE", help="what is asked, as the operator writes it")
    command.add_argument("--corpus", type=Path, metavar="FILE", help="the requests, one in each line")
    command.add_argument("--result", type=Path, metavar="FILE", help="where the result is left")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    plan = LoadTestPlan.from_json(options.plan.read_text(encoding="utf-8"))
    lines = options.corpus.read_text(encoding="utf-8").splitlines() if options.corpus else None

    def tell(progress: Progress) -> None:
        print(progress.to_json(), flush=True)

    result = load_test(plan, lines, tell=tell).to_json()
    print(result, flush=True)
    if options.result:
        options.result.write_text(result, encoding="utf-8")
    sys.stdout.flush()
