"""Files that are whole or absent: written beside their place, then moved there."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path in the same folder, moved onto `path` if the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        temporary.unlink(missing_ok=True)


def write_json(path: Path, contents: Mapping[str, Any], *, allow_nan: bool = True) -> None:
    """Write a JSON file atomically.

    Raises:
        ValueError: if a number is not finite, which JSON has no word for, and `allow_nan` is false.
    """
    with replacing(path) as temporary:
        text = json.dumps(contents, indent=2, sort_keys=True, allow_nan=allow_nan)
        temporary.write_text(text + "\n")
