"""What a file of skops may hold, looked at before skops builds anything of it.

skops reads an array as often as the file names it, and arrays of objects from lists that may hold
each other many times: both make much of little.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from raysearch.errors import InputError
from raysearch.unpacking import MOST_JSON_BYTES, stored_archive

_SCHEMA, _MAGIC = "schema.json", b"\x93NUMPY"
# Members of an ensemble share the arrays of their bins.
_OFTEN, _ALWAYS_FINE = 8, 64 * 2**20


def open_skops(path: Path) -> io.BytesIO:
    """A file of skops in memory, from which no more can be built than it has the size for.

    Raises:
        InputError: if it would make much of little.
        ValueError: if it is damaged.
        OSError: if it cannot be read.
        BadZipFile: if it is no archive.
    """
    contents = stored_archive(path)
    with ZipFile(contents) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
        for name in sizes.keys() - {_SCHEMA}:
            with archive.open(name) as part:
                if part.read(len(_MAGIC)) != _MAGIC:
                    raise ValueError(f"{name} is no array")
        if sizes.get(_SCHEMA, 0) > MOST_JSON_BYTES:
            raise InputError(
                f"{path} must hold a {_SCHEMA} of no more than {MOST_JSON_BYTES / 2**20:.0f} MiB, "
                f"but holds one of {sizes[_SCHEMA]} bytes; put back the one that raysearch wrote."
            )
        nodes = list(_nodes(json.loads(archive.read(_SCHEMA))))
    if any(node.get("type") == "json" for node in nodes):
        raise ValueError("it has arrays of objects")
    total = sum(sizes.get(str(node.get("file")), 0) for node in nodes)
    most = max(_ALWAYS_FINE, _OFTEN * sum(sizes.values()))
    if total > most:
        raise InputError(
            f"{path} must name each of its arrays as often as members share it, but all that it "
            f"names are {total} bytes, and may be {most}; put back the one that raysearch wrote."
        )
    contents.seek(0)
    return contents


def _nodes(found: Any) -> Iterator[dict[str, Any]]:
    """All objects in what a JSON file holds."""
    waiting = [found]
    while waiting:
        of = waiting.pop()
        if isinstance(of, dict):
            yield of
            waiting.extend(of.values())
        elif isinstance(of, list):
            waiting.extend(of)
