"""The working directory that a cluster's job finds: small files of code, and the data it names."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from raysearch.errors import InputError
from raysearch.service.fetched import MARK
from raysearch.service.study_files import STUDY_FILES, check_size

# What the job interface carries in a few seconds; data belong on the cluster's storage.
MOST_BYTES = 100 * 2**20
_DATA = frozenset({".h5", ".hdf5", ".hdf", ".parquet", ".npz", ".npy", ".root", ".lhe", ".zip"})
_LEFT_OUT = frozenset({"__pycache__", "node_modules", "studies", "scans", "build", "dist"})
# Equal directories give equal archives, which a cluster that has one is not sent again.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def uploaded_files(working_dir: Path, read: Sequence[Path]) -> list[Path]:
    """Paths relative to the working directory of what is uploaded.

    Left out are hidden files and folders (.git among them), virtual environments, studies, links
    that lead elsewhere, and data files but for those that the command reads.

    Args:
        working_dir: whose files are uploaded.
        read: files in it that the command reads, whatever they are.

    Raises:
        InputError: if it is no directory or too large, with what is large.
    """
    if not working_dir.is_dir():
        raise InputError(f"--working-dir must be a directory, but {working_dir} is none.")
    root = working_dir.resolve()
    found = {path.relative_to(root) for path in _files(root)}
    files = sorted(found | {path.resolve().relative_to(root) for path in read})
    check_size(root, files, MOST_BYTES, "a working directory that is uploaded")
    return files


def archive(working_dir: Path, files: Sequence[Path]) -> bytes:
    """A zip file of these files, the same bytes for the same contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name in files:
            entry = zipfile.ZipInfo(name.as_posix(), _EPOCH)
            entry.external_attr = 0o644 << 16
            contents = (working_dir / name).read_bytes()
            made.writestr(entry, contents, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = [name for name in folders if _goes_along(here / name)]
        yield from (here / name for name in names if _is_code(here / name))


def _goes_along(folder: Path) -> bool:
    if folder.name.startswith(".") or folder.name in _LEFT_OUT or folder.is_symlink():
        return False
    marks = ("pyvenv.cfg", MARK, *STUDY_FILES)
    return not any((folder / mark).exists() for mark in marks)


def _is_code(path: Path) -> bool:
    hidden = path.name.startswith(".")
    return path.is_file() and not (hidden or path.is_symlink() or path.suffix.lower() in _DATA)
