"""The directory of a test: its toys so far, its result so far, readable at any time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from raysearch.directories import check_links
from raysearch.errors import InputError
from raysearch.files import write_json
from raysearch.malformed import as_written, read_json
from raysearch.nplm.arrays import Floats
from raysearch.nplm.result import NplmResult
from raysearch.nplm.statistic import t_of
from raysearch.schemas import check_schema, read_table, write_table

RESULT, TOYS, INJECTED = "nplm.json", "toys.parquet", "injected.parquet"
PLAN, SELECTION = "plan.json", "selection.json"
# Of every file of a test.
SCHEMA = 1

Sigmas = Sequence[float | None]
# By number of injected signal events (None for the toys that calibrate the test) and seed, tau at
# each kernel width and Delta behind.
Key = tuple[int | None, int]
Toys = dict[Key, Floats]


@dataclass
class Store:
    """Toys of a test, in memory and on disk.

    Attributes:
        directory: where its files lie.
        sigmas: kernel width of each value of t.
        toys: made so far.
    """

    directory: Path
    sigmas: tuple[float | None, ...]
    toys: Toys = field(default_factory=dict)

    def write_toys(self) -> None:
        """Write the toys so far, in the order of their seeds; each file is whole at any time.

        After an early stop there are more toys than the result rests on: those of batches that were
        under way. A test that goes on needs them.
        """
        _write_toys(self.directory, self.toys, self.sigmas)

    def write_result(self, result: NplmResult, state: Mapping[str, Any]) -> None:
        """Write the result so far, with further keys."""
        contents = {"schema": SCHEMA, **result.as_json(), **state}
        write_json(self.directory / RESULT, contents, allow_nan=False)


def check_directory(directory: Path, asked: Mapping[str, Any]) -> None:
    """Refuse a directory that holds another test, before anything is computed for this one.

    Args:
        directory: where the files of the test lie or will lie.
        asked: what decides the value of a toy.

    Raises:
        InputError: if it holds another test or a link, or is no directory.
    """
    if directory.exists() and not directory.is_dir():
        raise InputError(f"--out must be a directory, but {directory} is a file; choose another.")
    check_links(directory)
    with as_written(directory, "test"):
        _check_same(_held(directory).get("asked", asked), asked, directory)


def open_store(
    directory: Path, sigmas: Sigmas, asked: Mapping[str, Any], chosen: Mapping[str, Any]
) -> Store:
    """The store of a test, with the toys an earlier run of the same test has made.

    Args:
        directory: where its files lie or will lie.
        sigmas: kernel width of each value of t.
        asked: what decides the value of a toy, as the user gave it.
        chosen: the same, as rules chose it.

    Raises:
        InputError: if the directory cannot be made or holds another test.
    """
    check_directory(directory, asked)
    with as_written(directory, "test"):
        _check_same(_held(directory).get("chosen", chosen), chosen, directory)
        toys = _read_toys(directory, tuple(sigmas))
    hold(directory, {"asked": asked, "chosen": chosen})
    return Store(directory, tuple(sigmas), toys)


def hold(directory: Path, plan: Mapping[str, Any]) -> None:
    """Make the directory and write into it what its test is.

    Raises:
        InputError: if the directory cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out must be a directory that can be made, but: {error}.") from error
    write_json(directory / PLAN, {"schema": SCHEMA, **_held(directory), **plan})


def _held(directory: Path) -> dict[str, Any]:
    path = directory / PLAN
    if not path.is_file():
        return {}
    found = read_json(path)
    check_schema(path, found.get("schema"), SCHEMA)
    return found


def digest(values: Floats) -> str:
    """Hexadecimal SHA-256 of an array's numbers and shape."""
    return hashlib.sha256(str(values.shape).encode() + values.tobytes()).hexdigest()


def toys_table(seeds: Sequence[int], parts: Floats, sigmas: Sigmas) -> pa.Table:
    """One row a toy and kernel width: ``seed, sigma, t``, and ``tau, delta`` where nuisances are.

    Args:
        seeds: of the n toys.
        parts: (n, k + 1) their tau at each kernel width, and Delta.
        sigmas: k kernel widths.
    """
    columns = {
        "seed": pa.array(np.repeat(np.asarray(seeds, np.int64), len(sigmas))),
        "sigma": pa.array(list(sigmas) * len(seeds), pa.float64()),
        "t": pa.array(t_of(parts).ravel(), pa.float64()),
    }
    if parts[:, -1].any():
        columns["tau"] = pa.array(parts[:, :-1].ravel(), pa.float64())
        columns["delta"] = pa.array(np.repeat(parts[:, -1], len(sigmas)), pa.float64())
    return pa.table(columns)


def _write_toys(directory: Path, toys: Toys, sigmas: Sigmas) -> None:
    null = sorted(key for key in toys if key[0] is None)
    write_table(directory / TOYS, _table(toys, null, sigmas), SCHEMA)
    injected = sorted(key for key in toys if key[0] is not None)
    if injected:
        numbers = np.repeat([n for n, _ in injected], len(sigmas))
        table = _table(toys, injected, sigmas).add_column(0, "n_signal", pa.array(numbers))
        write_table(directory / INJECTED, table, SCHEMA)


def _table(toys: Toys, keys: Sequence[Key], sigmas: Sigmas) -> pa.Table:
    parts = np.stack([toys[key] for key in keys]) if keys else np.zeros((0, len(sigmas) + 1))
    return toys_table([seed for _, seed in keys], parts, sigmas)


def _read_toys(directory: Path, sigmas: tuple[float | None, ...]) -> Toys:
    found: Toys = {}
    for name in (TOYS, INJECTED):
        if (directory / name).is_file():
            table = read_table(directory / name, SCHEMA)
            seeds = table["seed"].to_pylist()[:: len(sigmas)]
            _check_sigmas(table["sigma"].to_pylist(), list(sigmas) * len(seeds), directory / name)
            numbers: list[int | None] = [None] * len(seeds)
            if name == INJECTED:
                numbers = table["n_signal"].to_pylist()[:: len(sigmas)]
            parts = _parts_of(table, len(seeds), len(sigmas))
            found |= dict(zip(zip(numbers, seeds, strict=True), parts, strict=True))
    return found


def _parts_of(table: pa.Table, toys: int, widths: int) -> Floats:
    imperfect = "delta" in table.column_names
    tau = table["tau" if imperfect else "t"].to_numpy().reshape(toys, widths)
    delta = table["delta"].to_numpy()[::widths] if imperfect else np.zeros(toys)
    return np.column_stack([tau, delta])


def _check_sigmas(held: list[float | None], expected: list[float | None], path: Path) -> None:
    if held != expected:
        raise InputError(
            f"toys must be at the kernel widths of the test, {expected[:1]} first, but {path} has "
            f"{held[:1]} first or others after it; choose another --out."
        )


def _check_same(held: Mapping[str, Any], plan: Mapping[str, Any], directory: Path) -> None:
    differing = sorted(k for k in {*held, *plan} if held.get(k) != plan.get(k))
    if differing:
        raise InputError(
            f"--out must be free or hold this very test, but {directory} holds one that differs in "
            f"{', '.join(differing)}; choose another directory, or repeat the command it was made "
            "with to go on with it."
        )
