"""`raysearch benchmark`."""

from __future__ import annotations

from typing import Annotated

import typer

from raysearch.access import keep_head_private


def benchmark(
    only: Annotated[
        list[str] | None,
        typer.Option(help="packed, packing, trees, overhead, reading or toys; repeatable."),
    ] = None,
    quick: Annotated[bool, typer.Option(help="Seconds each, to see that it works.")] = False,
    json: Annotated[bool, typer.Option(help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure raysearch on this machine, as ratios within one run."""
    keep_head_private(print)
    from raysearch.benchmarks import run_benchmarks
    from raysearch.benchmarks.machine import machine
    from raysearch.benchmarks.table import as_json, print_table

    found = run_benchmarks(only or (), quick=quick)
    if json:
        print(as_json(found, machine()))
    else:
        print_table(found, machine())
