"""`make demo`: run the flight delay pipeline, then list, load and trace what it left behind."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

import artifact_plugins as ap


def main() -> None:
    """Run the demo in the current folder."""
    console = Console(width=100 if not sys.stdout.isatty() else None)
    started = time.perf_counter()
    with ap.open_session(ap.Settings(plugins=("stopwatch",), cache=True)) as session:
        import drift  # late: loading pandas and numpy is not our part
        import flights
        import stopwatch

        console.rule("[bold]1. the run")
        sources = {
            name: ap.register(path, f"{name}-csv")
            for name, path in flights.source_files().items()
            if name in ("flights", "weather", "planes")
        }
        ready = time.perf_counter()
        run = flights.delays(sources["flights"], sources["weather"], sources["planes"])
        total = time.perf_counter() - ready
        record = run.record
        tasks = run.tasks()
        cached = sum(task.state == "CACHED" for task in tasks)
        console.print(
            f"run [bold]{record.name}[/] {record.state.value}: {len(tasks)} tasks "
            f"({cached} served from the cache), "
            f"{len(run.versions())} versions, {len(run.links())} links"
        )

        console.rule("[bold]2. the ranking, loaded back from its artifact")
        ranking = ap.load("ranking")
        shown = Table(*ranking.columns)
        for row in ranking.itertuples(index=False):
            shown.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row))
        console.print(shown)

        best = str(ranking["carrier"].iloc[0])
        version = next(v for v in run.versions("delay-model") if ap.load(v).carrier == best)
        console.rule(f"[bold]3. where the best model ({best}) comes from")
        console.print(ap.lineage(version).upstream(width=3).tree(), highlight=False, markup=False)

        console.rule("[bold]4. where the bytes lie")
        here = Path.cwd().as_uri() + "/"
        for name in ("flights", "training-table", "ranking", "report"):
            found = run[name]
            console.print(
                f"{found!s:18} {found.format:12} {found.size_bytes:>11,} bytes  "
                f"{found.content_hash[:19]}..  {found.uri.removeprefix(here)}",
                highlight=False,
                no_wrap=True,
                overflow="ellipsis",
            )
        shutil.rmtree("report", ignore_errors=True)  # of an earlier demo
        page = session.export(run["report"], Path("report"))[0]
        graph = Path("lineage.html")
        graph.write_text(ap.lineage(run["ranking"]).upstream().html(), encoding="utf-8")
        console.print(f"the report: {page.resolve()}\nits lineage as a page: {graph.resolve()}")

        console.rule("[bold]5. what it cost")
        ours = total - stopwatch.seconds[0]
        console.print(
            f"{total:.2f} s in all: {stopwatch.seconds[0]:.2f} s in the steps' own functions, "
            f"{ours:.2f} s ours (saving, hashing, loading, recording) for "
            f"{sum(v.size_bytes for v in run.versions()) / 1e6:,.0f} MB; "
            f"{time.perf_counter() - started - total:.2f} s for start, registration and this page"
        )
        console.rule("[bold]6. the code changes, the artifact stays")
        drift.show(console)
        program = os.path.relpath(Path(sys.executable).with_name("artifact-plugins"))
        console.print(
            f"\nnow try, in {Path.cwd()}:  {program} list   ·   show ranking   ·   lineage report",
            soft_wrap=True,
        )


if __name__ == "__main__":
    main()
