"""A study as lines of text, which is what comes back from a cluster's job: in its log."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path

from raysearch.errors import InputError
from raysearch.service.fetched import replaced
from raysearch.study_files import MOST_BYTES, check_inside, snapshot

MOST_FILES = 10_000
_BEGIN, _END = "raysearch archive begins", "raysearch archive ends"
# All that zipfile raises for what is no archive, or one of a kind that we never make.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ValueError,
    RuntimeError,
    OSError,
    EOFError,
)
_FOUND = re.compile(rf"^{_BEGIN}$(.*)^{_END} ([0-9a-f]{{64}})$", re.MULTILINE | re.DOTALL)


def packed(study: Path) -> str:
    """The files of a study as text, with their SHA-256.

    Raises:
        InputError: if there is no study, or it is too large.
    """
    buffer = io.BytesIO()
    with (
        tempfile.TemporaryDirectory() as folder,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for path in snapshot(study, Path(folder)):
            archive.write(Path(folder) / path, path.as_posix())
    contents = buffer.getvalue()
    digest = hashlib.sha256(contents).hexdigest()
    return f"{_BEGIN}\n{base64.encodebytes(contents).decode()}{_END} {digest}\n"


def unpack(text: str, to: Path) -> Path:
    """Write the files in a text that `packed` gave into the directory `to`.

    Raises:
        InputError: if the text is not whole, or what is in it no study that lies below `to`.
    """
    contents = _contents(text)
    try:
        with zipfile.ZipFile(io.BytesIO(contents)) as archive:
            _check(archive.infolist())
            with replaced(to) as folder:
                _extract(archive, folder)
    except InputError:
        raise
    except _BROKEN as error:
        raise InputError(
            f"a fetched archive must unpack to files, but: {error!r}; if the disk has room, the "
            "cluster is not to be trusted."
        ) from error
    return to


def _extract(archive: zipfile.ZipFile, folder: Path) -> None:
    for entry in archive.infolist():
        path = folder / entry.filename
        path.parent.mkdir(parents=True, exist_ok=True)
        # In small pieces: one that unpacks to more than was said is cut there, and refused.
        with archive.open(entry) as packed, path.open("wb") as file:
            shutil.copyfileobj(packed, file, 2**20)


def _contents(text: str) -> bytes:
    match = _FOUND.search(text)
    try:
        contents = base64.b64decode(match[1]) if match else b""
    except ValueError:
        match = None
    if match is None or hashlib.sha256(contents).hexdigest() != match[2]:
        raise InputError("a fetched archive must be whole, but this one is cut; fetch it again.")
    return contents


def _check(entries: list[zipfile.ZipInfo]) -> None:
    if sum(entry.file_size for entry in entries) > MOST_BYTES or len(entries) > MOST_FILES:
        raise InputError(
            f"an archive must not unpack to more than {MOST_BYTES} bytes in {MOST_FILES} files."
        )
    for entry in entries:
        _check_file(entry)
    if len({entry.filename for entry in entries}) < len(entries):
        raise InputError(
            "a fetched archive must hold each file once, but one comes twice; the cluster is not "
            "to be trusted."
        )


def _check_file(entry: zipfile.ZipInfo) -> None:
    """Refuse names that lead out of the directory, and links, which may."""
    check_inside(entry.filename, "the cluster")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise InputError(
            f"a fetched file must be no link, but {entry.filename!r} is one; the cluster is not to "
            "be trusted."
        )
