"""What a long benchmark has found, a line each in a file, so that it goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


def lines(path: Path) -> list[dict[str, Any]]:
    """What the file holds."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def add_line(path: Path, found: dict[str, Any]) -> None:
    """Keep what was found."""
    with path.open("a") as file:
        file.write(json.dumps(found) + "\n")


def in_words(values: Sequence[float] | np.ndarray) -> str:
    """Mean and its error over draws."""
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):.5g} +- {error:.2g}"
