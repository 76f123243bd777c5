"""Files of a study as nobody's raysearch wrote them: mutations that follow from a seed.

Hypothesis draws the seed and not each choice: of a hundred choices in a row it gives up half.
"""

import json
import pickle
import shutil
import sqlite3
import zipfile
from contextlib import closing, suppress

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from traps import Hostile

PICKLE = pickle.dumps(Hostile())
SCRIPT = "<script>fetch('http://evil')</script>"
# Deeper than Python's parser of JSON follows.
DEEP = "[" * 100_000
ODD = [None, True, 0, -1, 3, 2.5, 1e308, -1e308, 10**30, float("nan"), float("inf"), "", "x", ".."]
ODD += [SCRIPT, "\x1b[2J", "\ud800", "a" * 10_000, "$\\frac$", [], {}, [[]], ["x"], [None, 1e308]]
ODD += [{"a": 1}, {"detector": "hgb"}, "os:system", "postgresql://nobody@127.0.0.1:1/none"]


def mutate(rng, path):
    """Change one file in a way that the generator chooses."""
    if not path.is_file():
        return
    kinds = [_bytes, *(of for end, of in _BY_SUFFIX.items() if path.name.endswith(end))]
    change = rng.choice([*kinds, kinds[-1], kinds[-1]])
    # Not every mutation can be written down.
    with suppress(pa.ArrowException, sqlite3.Error, OverflowError, UnicodeEncodeError):
        change(rng, path)


def _bytes(rng, path):
    whole = path.read_bytes()
    at = rng.randint(0, max(0, len(whole) - 1))
    kinds = {
        "cut": lambda: whole[:at],
        "flip": lambda: _flipped(rng, whole),
        "insert": lambda: whole[:at] + rng.randbytes(rng.randint(1, 20)) + whole[at:],
        "zeros": lambda: whole[:at] + bytes(len(whole[at : at + 64])) + whole[at + 64 :],
        "pickle": lambda: PICKLE,
        "empty": lambda: b"",
        "random": lambda: rng.randbytes(rng.randint(1, 200)),
        "no text": lambda: whole[:at] + b"\xff\xfe" + whole[at:],
        "deep": lambda: DEEP.encode(),
    }
    kind = rng.choice([*kinds, "folder"])
    if kind == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(kinds[kind]())


def _flipped(rng, whole):
    changed = bytearray(whole)
    for _ in range(rng.randint(1, 8) if whole else 0):
        changed[rng.randint(0, len(whole) - 1)] ^= 1 << rng.randint(0, 7)
    return bytes(changed)


def _json(rng, path):
    path.write_text(json.dumps(_mutated(rng, json.loads(path.read_text()))))


def _mutated(rng, found):
    """The value with one part of it replaced, removed or added."""
    if not isinstance(found, dict | list) or not found or rng.randint(0, 9) == 0:
        return rng.choice(ODD)
    places = list(found) if isinstance(found, dict) else list(range(len(found)))
    place = rng.choice(places)
    action = rng.choice(["into", "into", "into", "remove", "add"])
    if action == "into":
        found[place] = _mutated(rng, found[place])
    elif action == "remove":
        del found[place]
    elif isinstance(found, dict):
        found[rng.choice(["a", "detector", "../x", "\ud800", ""])] = rng.choice(ODD)
    else:
        found.insert(place, rng.choice(ODD))
    return found


def _lines(rng, path):
    lines = path.read_text().splitlines()
    place = rng.randint(0, len(lines) - 1)
    action = rng.choice(["mutate", "mutate", "mutate", "remove", "repeat", "text"])
    if action == "mutate":
        lines[place] = json.dumps(_mutated(rng, json.loads(lines[place])))
    elif action == "remove":
        del lines[place]
    else:
        lines.insert(
            place,
            lines[place] if action == "repeat" else "".join(rng.choices('{}[],":0e-\x00é x', k=9)),
        )
    path.write_text("".join(f"{line}\n" for line in lines))


def _parquet(rng, path):
    table = pq.read_table(path)
    place = rng.randint(0, table.num_columns - 1)
    name, n = table.column_names[place], table.num_rows
    actions = ["values", "values", "values", "remove", "rename", "rows", "told"]
    action = rng.choice(actions)
    if action == "values":
        value = rng.choice(ODD)
        column = table[name].to_pylist()
        keep = rng.randint(0, n) if rng.random() < 0.5 else 0
        table = table.set_column(place, name, pa.array([*column[:keep], *[value] * (n - keep)]))
    elif action == "remove":
        table = table.remove_column(place)
    elif action == "rename":
        other = rng.choice(["a", table.column_names[0], "config.x.y", "score.x", "\x1b"])
        table = table.rename_columns([other if k == name else k for k in table.column_names])
    elif action == "rows":
        table = table.slice(0, 0) if rng.random() < 0.5 else pa.concat_tables([table, table])
    else:
        told = {b"raysearch_schema": rng.choice([b"", b"99", b"\xff", b"9" * 5000])}
        table = table.replace_schema_metadata(told)
    pq.write_table(table, path)


def _sqlite(rng, path):
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        names = [
            n for (n,) in database.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        table = rng.choice(sorted(names))
        action = rng.choice(["value", "value", "value", "value", "remove", "drop"])
        if action == "value":
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            column = rng.choice(columns)
            value = rng.choice(ODD)
            if isinstance(value, list | dict) or rng.random() < 0.5:
                value = json.dumps(value)
            value = PICKLE if rng.randint(0, 9) == 0 else value
            database.execute(f"UPDATE {table} SET {column} = ?", (value,))
        else:
            database.execute(
                f"DELETE FROM {table}" if action == "remove" else f"DROP TABLE {table}"
            )


def _hdf5(rng, path):
    with h5py.File(path, "r+") as file:
        group = file[rng.choice(sorted(file))]
        name = rng.choice(sorted(group))
        action = rng.choice(["values", "values", "remove", "unit", "link", "rename"])
        if action == "values":
            del group[name]
            shapes = [(), (0,), (3,), (300, 2)]
            shape = rng.choice(shapes)
            values = [np.zeros(shape), np.full(shape, np.nan), np.full(shape, b"x")]
            group[name] = rng.choice([*values, h5py.Empty("f")])
        elif action == "remove":
            del group[name]
        elif action == "unit":
            value = rng.choice([1.5, "m", b"\xff", [1, 2], np.zeros(0), h5py.Empty("f")])
            group[name].attrs["unit"] = value
        elif action == "link":
            del group[name]
            group[name] = h5py.SoftLink("/absent")
        else:
            group.move(name, rng.choice(["a", "b/c", "x" * 1000]))


def _zip(rng, path):
    """Parts of a file whose checksums are right again."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(sorted(parts))
    action = rng.choice(["flip", "flip", "remove", "json"])
    if action == "remove":
        del parts[name]
    elif action == "json" and "schema.json" in parts:
        parts["schema.json"] = json.dumps(_mutated(rng, json.loads(parts["schema.json"]))).encode()
    else:
        parts[name] = _flipped(rng, parts[name])
    with zipfile.ZipFile(path, "w") as archive:
        for name, contents in parts.items():
            archive.writestr(name, contents)


def _npy(rng, path):
    kinds = [np.float32, np.float64, "U3", np.complex64, np.int8]
    shape = rng.choice([(), (0,), (5,), (5, 2)])
    np.save(path, np.zeros(shape, rng.choice(kinds)))


_BY_SUFFIX = {
    ".json": _json,
    ".jsonl": _lines,
    ".journal": _lines,
    ".parquet": _parquet,
    ".db": _sqlite,
    ".h5": _hdf5,
    ".skops": _zip,
    ".npz": _zip,
    ".npy": _npy,
}


def copied(base, to):
    """A fresh copy of a directory."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(base, to)
    return to


def files_of(base):
    """Names of all its files that mean something."""
    found = (path for path in base.rglob("*") if path.is_file())
    names = (path.relative_to(base).as_posix() for path in found)
    return sorted(name for name in names if not name.startswith("."))
