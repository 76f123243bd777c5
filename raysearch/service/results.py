"""What a study's directory holds, loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from raysearch.malformed import read_json

if TYPE_CHECKING:
    from raysearch.scanning import Scan
    from raysearch.study import Study

Result: TypeAlias = "Study | Scan | Mapping[str, Any]"

_TEST = "nplm.json"


def load_result(directory: Path) -> Result:
    """The study, the scan, or what nplm.json says, whichever lies in the directory.

    Raises:
        InputError: if it holds none of them.
    """
    # What holds figures imports what draws them.
    from raysearch.scanning import is_scan, load_scan
    from raysearch.study import load_study

    if is_scan(directory):
        return load_scan(directory)
    if (directory / _TEST).is_file():
        return read_json(directory / _TEST)
    return load_study(directory)
