"""The working directory that a cluster's job finds: small files of code, and the data it names."""

from __future__ import annotations

import io
import os
import re
import stat
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from raysearch.access import TOKEN_PATH, default_token_path
from raysearch.errors import InputError
from raysearch.service.fetched import MARK
from raysearch.study_files import STUDY_FILES, check_size

# What the job interface carries in a few seconds; data belong on the cluster's storage.
MOST_BYTES, MOST_FILES = 100 * 2**20, 10_000
_DATA = frozenset({".h5", ".hdf5", ".hdf", ".parquet", ".npz", ".npy", ".root", ".lhe", ".zip"})
_LEFT_OUT = frozenset({"__pycache__", "node_modules"})
# Deeper they may be packages.
_LEFT_OUT_AT_THE_TOP = frozenset({"studies", "scans", "build", "dist"})
_SECRET = re.compile(
    r"id_[a-z0-9]+(\.pub)?|.*\.(pem|key|p12|pfx|kdbx)|(credentials|secrets)(\.(json|ya?ml|toml|ini))?"
)
# Code may be private for no reason; data of another kind hardly are.
_CODE = frozenset({".py", ".md", ".txt", ".toml", ".cfg", ".ini", ".yaml", ".yml", ".c", ".sh"})
# Equal directories give equal archives, which a cluster that has one is not sent again.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def uploaded_files(working_dir: Path, read: Sequence[Path]) -> list[Path]:
    """Paths relative to the working directory of what is uploaded.

    Left out are hidden files and folders (.git among them), virtual environments, studies, links
    that lead elsewhere, what looks like a key or a token, and data files but for those that the
    command reads.

    Args:
        working_dir: whose files are uploaded.
        read: files in it that the command reads, whatever they are.

    Raises:
        InputError: if it is no directory or too large, with what is large.
    """
    if not working_dir.is_dir():
        raise InputError(f"--working-dir must be a directory, but {working_dir} is none.")
    root = working_dir.resolve()
    found = {path.resolve().relative_to(root) for path in read}
    held = sum((root / path).stat().st_size for path in found)
    for path in _files(root):
        # No more of a whole home is looked at than it takes to refuse it.
        if held > MOST_BYTES or len(found) > MOST_FILES:
            break
        found.add(path.relative_to(root))
        held += path.stat().st_size
    _check_limits(root, sorted(found))
    return sorted(found)


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


def _check_limits(root: Path, files: Sequence[Path]) -> None:
    check_size(root, files, MOST_BYTES, "a working directory that is uploaded")
    if len(files) > MOST_FILES:
        raise InputError(
            f"a working directory that is uploaded must not hold more than {MOST_FILES} files, but "
            f"{root} does; choose one that holds the code only."
        )


def _files(root: Path) -> Iterator[Path]:
    secrets = _tokens()
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        left_out = _LEFT_OUT | (_LEFT_OUT_AT_THE_TOP if here == root else frozenset())
        folders[:] = sorted(n for n in folders if n not in left_out and _goes_along(here / n))
        yield from (here / name for name in sorted(names) if _is_code(here / name, secrets))


def _goes_along(folder: Path) -> bool:
    if folder.name.startswith(".") or folder.is_symlink():
        return False
    marks = ("pyvenv.cfg", MARK, *STUDY_FILES)
    return not any((folder / mark).exists() for mark in marks)


def _is_code(path: Path, tokens: Sequence[Path]) -> bool:
    if path.name.startswith(".") or path.is_symlink() or not path.is_file():
        return False
    if path.suffix.lower() in _DATA or _SECRET.fullmatch(path.name.lower()):
        return False
    others_may_read = path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    if not others_may_read and path.suffix.lower() not in _CODE:
        return False
    return not any(path.samefile(token) for token in tokens)


def _tokens() -> list[Path]:
    named = [default_token_path(), *map(Path, filter(None, [os.environ.get(TOKEN_PATH)]))]
    return [path for path in named if path.is_file()]
