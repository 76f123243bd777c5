"""Files that are whole or absent: written beside their place, then moved there."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from raysearch.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path on the same file system, moved onto `path` if the block succeeds.

    Raises:
        InputError: if a folder stands in the place of a file, or the other way round.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # In a folder that is new and this user's alone, nobody can have put a link to elsewhere.
    with tempfile.TemporaryDirectory(
        prefix=f".{path.name}.", suffix=".tmp", dir=path.parent
    ) as folder:
        temporary = Path(folder) / path.name
        yield temporary
        try:
            temporary.replace(path)
        except (IsADirectoryError, NotADirectoryError) as error:
            kind = "folder" if temporary.is_dir() else "file"
            raise InputError(f"{path} must be a {kind}, but is not; move it away.") from error


def write_json(path: Path, contents: Mapping[str, Any], *, allow_nan: bool = True) -> None:
    """Write a JSON file atomically.

    Raises:
        ValueError: if a number is not finite, which JSON has no word for, and `allow_nan` is false.
    """
    with replacing(path) as temporary:
        text = json.dumps(contents, indent=2, sort_keys=True, allow_nan=allow_nan)
        temporary.write_text(text + "\n")


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file.

    Raises:
        InputError: if the file is missing.
    """
    if not path.is_file():
        raise InputError(f"an input file must exist, but {path} does not.")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
