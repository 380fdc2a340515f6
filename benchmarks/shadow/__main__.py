"""One command, one table: `python -m benchmarks.shadow`, on a real cluster."""

import argparse
import random
import signal
import sys
import time
from collections.abc import Sequence

from benchmarks.shadow.figures import Round, by_setting, difference, noise
from benchmarks.shadow.stage import Stage
from local.errors import LocalError
from local.traffic import Traffic, TrafficThread

SETTINGS = (0, 20, 100)
SETTLE = 2.0
"""Seconds after a change of the route that are not counted."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where a request of a user failed."""
    asked = _arguments().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the namespace goes, too
    draw = random.Random(asked.seed)
    rounds: list[Round] = []
    with Stage.up() as stage:
        traffic = TrafficThread(Traffic(stage.url, host=stage.host, rate=asked.rate))
        with traffic:
            time.sleep(5)  # connections, caches
            used, began = stage.cpu_seconds(), time.monotonic()
            for number in range(asked.rounds):
                for percent in draw.sample(SETTINGS, len(SETTINGS)):
                    stage.copy(percent)
                    time.sleep(SETTLE)
                    rounds.append(_round(traffic, percent, asked.seconds))
                print(f"round {number + 1} of {asked.rounds}", file=sys.stderr)
            share = (stage.cpu_seconds() - used) / (time.monotonic() - began)
            seen = stage.counters()
    print(_table(rounds, rate=asked.rate, seed=asked.seed))
    sampled, pairs = seen("palier_shadow_sampled_total"), seen("palier_shadow_pairs_total")
    print(f"\n{pairs:.0f} pairs of {sampled:.0f} sampled requests ({pairs / sampled:.2%})")
    print(f"the proxy used {share:.1%} of a core on average over all settings")
    failed = sum(one.failed for one in rounds)
    print(f"{failed} requests of users failed in all rounds")
    return 1 if failed else 0


def _round(traffic: TrafficThread, percent: int, seconds: float) -> Round:
    began = time.time()
    time.sleep(seconds)
    answers = traffic.responses.between(began, began + seconds)
    return Round(
        percent,
        tuple(each.latency for each in answers if each.status is not None),
        sum(each.failed for each in answers),
    )


def _table(rounds: Sequence[Round], *, rate: float, seed: int) -> str:
    settings = by_setting(rounds)
    without = settings[0]
    lines = [
        f"{rate:g} requests/s, {len(without)} rounds of each setting, alternating",
        f"{'copied':>8}  {'p50':>9}  {'p99':>9}  {'p50 against none (95 %)':>32}  {'p99 against none (95 %)':>32}",
    ]
    for percent, own in sorted(settings.items()):
        cells = []
        for quantile in (50, 99):
            values = sorted(one.quantile(quantile) for one in own)
            cells.append(f"{values[len(values) // 2] * 1000:6.2f} ms")
        for quantile in (50, 99):
            if not percent:
                apart = noise(without, quantile=quantile, seed=seed)
                cells.append(f"{'nothing differs by up to':>24} {apart * 1000:.2f} ms")
                continue
            found = difference(without, own, quantile=quantile, seed=seed)
            span = f"({found.low * 1000:+.2f} to {found.high * 1000:+.2f})"
            cells.append(f"{found.value * 1000:+.2f} ms {span}{'' if found.within_noise else ' *'}")
        lines.append(f"{percent:>6} %  {cells[0]:>9}  {cells[1]:>9}  {cells[2]:>32}  {cells[3]:>32}")
    return "\n".join([*lines, "* the interval does not hold 0"])


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.shadow",
        description="Users' latency with 0, 20 and 100 % of their requests copied to a shadow, alternating in one run.",
    )
    parser.add_argument("--rate", type=float, default=50.0, help="requests per second of users (default: 50)")
    parser.add_argument("--rounds", type=int, default=12, help="rounds of each setting (default: 12)")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a round (default: 10)")
    parser.add_argument("--seed", type=int, default=1, help="draws the order of the settings (default: 1)")
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LocalError as error:
        sys.exit(f"{error}")
