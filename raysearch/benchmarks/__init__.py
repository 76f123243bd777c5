"""What raysearch measures about itself: ratios within one run, on the machine it runs on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Protocol, cast

from raysearch.benchmarks.measurement import Measurement
from raysearch.errors import unknown_name

# By the name users give; imported when asked for, since some start Ray.
BENCHMARKS: Mapping[str, str] = MappingProxyType(
    {
        "packed": "raysearch.benchmarks.packed",
        "packing": "raysearch.benchmarks.packing",
        "trees": "raysearch.benchmarks.trees",
        "overhead": "raysearch.benchmarks.overhead",
        "reading": "raysearch.benchmarks.reading",
        "toys": "raysearch.benchmarks.toys",
    }
)


class Benchmark(Protocol):
    """A module that measures."""

    def measure(self, *, quick: bool) -> list[Measurement]:
        """Its measurements; a quick one shows that it works, its figures mean little."""
        ...


def run_benchmarks(names: Sequence[str] = (), *, quick: bool = False) -> list[Measurement]:
    """Measure one after another.

    Args:
        names: of BENCHMARKS; none for all.
        quick: sizes of a second or two, to see that it works.

    Raises:
        InputError: if a name is unknown.
    """
    for name in names:
        if name not in BENCHMARKS:
            raise unknown_name("benchmark", name, BENCHMARKS)
    found: list[Measurement] = []
    for name in names or BENCHMARKS:
        module = cast(Benchmark, import_module(BENCHMARKS[name]))
        found += module.measure(quick=quick)
    return found
