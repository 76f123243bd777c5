"""A scan on disk: settings, its table, its report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from raysearch.directories import check_links
from raysearch.errors import InputError
from raysearch.malformed import as_written, read_json, reads
from raysearch.remote import check_local
from raysearch.scanning.results import Results
from raysearch.scanning.table import scan_table
from raysearch.schemas import check_schema, read_table

SCHEMA = TABLE_SCHEMA = 1
SCAN, TABLE, TEMPLATES = "scan.json", "scan.parquet", "templates"

_reads = reads("scan")


@dataclass(frozen=True)
class Scan:
    """A scan directory, read when asked.

    Attributes:
        directory: where its files lie.
    """

    directory: Path

    @property
    def about(self) -> dict[str, Any]:
        """scan.json: settings, seeds, versions, commit, inputs, estimate and cells."""
        return read_json(self.directory / SCAN)

    @_reads
    def table(self) -> pa.Table:
        """One row a fit or final ensemble; see `raysearch.scanning.table.scan_table`."""
        path = self.directory / TABLE
        if path.is_file():
            return read_table(path, TABLE_SCHEMA)
        return scan_table(Results(path), {}, 1)

    @_reads
    def report(self) -> Path:
        """Write report.html and figures/ anew from the files; the path of the page."""
        from raysearch.scanning.report import write_scan_report  # figures import matplotlib

        return write_scan_report(self.directory, self.about, self.table())


def is_scan(directory: Path | str) -> bool:
    """Whether the directory holds a scan."""
    return (Path(directory) / SCAN).is_file()


def load_scan(directory: Path | str) -> Scan:
    """The scan in a directory.

    Raises:
        InputError: if there is none, it was written with another schema, or holds a link.
    """
    check_local(directory)
    check_links(Path(directory))
    if not is_scan(directory):
        raise InputError(f"a scan directory must hold {SCAN}, but {directory} does not.")
    scan = Scan(Path(directory))
    with as_written(directory, "scan"):
        check_schema(scan.directory / SCAN, scan.about.get("schema"), SCHEMA)
    return scan
