"""64 CPU-bound steps on two processes and on Dask, each beside its bare pool: `parallel.py [--reps 3]`.

Every pool has two workers that are warm. The contenders take turns and the best
of the repetitions counts; times only mean something as ratios. The last figure
is the sum of the work: with two free cores no pool can be faster than half of it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import artifact_plugins as ap

CALLS = 64
SECONDS = 0.1


def burn(rounds: int) -> int:
    """Count in pure Python."""
    found = 0
    for number in range(rounds):
        found += number & 3
    return found


@ap.step
def burns(rounds: int) -> int:
    return burn(rounds)


@ap.step
def collects(results: list[int]) -> int:
    return sum(results)


@ap.pipeline
def parallel(rounds: list[int]):
    return collects(burns.map(rounds=rounds))


def rounds_of(seconds: float) -> int:
    """How many rounds last so long here."""
    rounds, best = 200_000, float("inf")
    for _ in range(5):
        started = time.perf_counter()
        burn(rounds)
        best = min(best, time.perf_counter() - started)
    return int(rounds * seconds / best)


@contextmanager
def bare_processes() -> Iterator[Callable[[list[int]], int]]:
    with ProcessPoolExecutor(2) as pool:
        yield lambda rounds: sum(pool.map(burn, rounds))


@contextmanager
def bare_dask(address: str) -> Iterator[Callable[[list[int]], int]]:
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        yield lambda rounds: sum(client.gather(client.map(burn, rounds, pure=False)))


@contextmanager
def ours(runtime: str, folder: str) -> Iterator[Callable[[list[int]], int]]:
    settings = ap.Settings(
        store_url=f"{folder}/store",
        ledger_url=f"sqlite:///{folder}/ledger.sqlite",
        durability="process",
        runtime=runtime,
    )
    with ap.open_session(settings):
        yield lambda rounds: ap.value(parallel(rounds).result)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reps", type=int, default=3)
    reps = parser.parse_args().reps
    rounds = rounds_of(SECONDS)
    work = [rounds] * CALLS
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        from distributed import LocalCluster

        cluster = stack.enter_context(
            LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
            )
        )
        address = cluster.scheduler_address
        pools = {
            "ProcessPoolExecutor(2)": stack.enter_context(bare_processes()),
            "processes:2": stack.enter_context(ours("processes:2", str(folder / "p"))),
            "Dask client.map": stack.enter_context(bare_dask(address)),
            "dask://": stack.enter_context(ours(address.replace("tcp", "dask"), str(folder / "d"))),
        }
        best = dict.fromkeys(pools, float("inf"))
        for run in pools.values():
            run([1] * 8)  # starts the workers and imports what they need
        for _ in range(reps):
            for name, run in pools.items():
                started = time.perf_counter()
                run(work)
                best[name] = min(best[name], time.perf_counter() - started)
    for name, seconds in best.items():
        print(f"{name:24s} {seconds:7.2f} s")
    print(f"{'processes / bare':24s} {best['processes:2'] / best['ProcessPoolExecutor(2)']:7.2f}")
    print(f"{'dask / bare':24s} {best['dask://'] / best['Dask client.map']:7.2f}")
    print(f"{'half of the work':24s} {CALLS * SECONDS / 2:7.2f} s; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
