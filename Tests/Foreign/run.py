#!/usr/bin/env python3
"""Runs the trials: Tertib's processes and a real nats-server, judged by a foreign client.

    run.py [--short] [--seed N] [--tertib PATH] [--nats-server PATH]... [TRIAL...]
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
import time
from pathlib import Path

from bench.bench import Settings, open_bench
from bench.waiting import TrialFailed

TRIALS = ["hostile_messages", "append_race", "readme_service", "burst", "wild_order", "wild_order_postgres",
          "git_history"]
LIMIT = 900


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Trials of Tertib by a foreign client.")
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help=f"of {', '.join(TRIALS)}; all by default")
    parser.add_argument("--short", action="store_true", help="less of everything, for continuous integration")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same load and faults")
    parser.add_argument("--tertib", type=Path, required=True, help="the executable")
    parser.add_argument("--nats-server", type=Path, action="append", required=True,
                        help="the server's executable; repeated, each trial runs on each, or with --short in turn")
    parser.add_argument("--orders-service", type=Path, help="the adopter's executable, for readme_service")
    parser.add_argument("--repository", type=Path, help="a large git repository, for git_history")
    chosen = parser.parse_args()
    if unknown := set(chosen.trials) - set(TRIALS):
        parser.error(f"no trial is called {', '.join(sorted(unknown))}; there are {', '.join(TRIALS)}")
    return chosen


async def run(name: str, chosen: argparse.Namespace, server: Path) -> bool:
    """Runs one trial; whether it passed."""
    print(f"==> {name} (seed {chosen.seed}, {server})", file=sys.stderr, flush=True)
    started = time.monotonic()
    try:
        async with asyncio.timeout(LIMIT):
            settings = Settings(chosen.tertib, server, chosen.seed, chosen.short, chosen.repository,
                                chosen.orders_service)
            async with open_bench(settings) as bench:
                verdict = await importlib.import_module(f"trials.{name}").run(bench)
    except TrialFailed as failure:
        print(f"FAIL {name}: {failure}", flush=True)
        return False
    except TimeoutError:
        print(f"FAIL {name}: not over after {LIMIT} s", flush=True)
        return False
    print(f"ok   {name}: {verdict} ({time.monotonic() - started:.1f} s)", flush=True)
    return True


def main() -> int:
    chosen = arguments()
    names: list[str] = chosen.trials or TRIALS
    servers: list[Path] = chosen.nats_server
    if chosen.short:
        plan = [(name, servers[index % len(servers)]) for index, name in enumerate(names)]
    else:
        plan = [(name, server) for name in names for server in servers]
    passed = [asyncio.run(run(name, chosen, server)) for name, server in plan]
    print(f"{sum(passed)} of {len(passed)} trials passed", flush=True)
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
