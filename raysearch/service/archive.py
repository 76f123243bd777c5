"""A study as lines of text, which is what comes back from a cluster's job: in its log."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import stat
import zipfile
from pathlib import Path, PurePosixPath

from raysearch.errors import InputError
from raysearch.service.study_files import MOST_BYTES, files_of, replaced

_BEGIN, _END = "raysearch archive begins", "raysearch archive ends"
_FOUND = re.compile(rf"^{_BEGIN}$(.*)^{_END} ([0-9a-f]{{64}})$", re.MULTILINE | re.DOTALL)


def packed(study: Path) -> str:
    """The files of a study as text, with their SHA-256.

    Raises:
        InputError: if there is no study, or it is too large.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files_of(study):
            archive.write(study / path, path.as_posix())
    contents = buffer.getvalue()
    digest = hashlib.sha256(contents).hexdigest()
    return f"{_BEGIN}\n{base64.encodebytes(contents).decode()}{_END} {digest}\n"


def unpack(text: str, to: Path) -> Path:
    """Write the files in a text that `packed` gave into the directory `to`.

    Raises:
        InputError: if the text is not whole, or a file in it would not lie below `to`.
    """
    with zipfile.ZipFile(io.BytesIO(_contents(text))) as archive:
        entries = archive.infolist()
        for entry in entries:
            _check_inside(entry)
        if sum(entry.file_size for entry in entries) > MOST_BYTES:
            raise InputError(f"an archive must not unpack to more than {MOST_BYTES} bytes.")
        with replaced(to) as folder:
            for entry in entries:
                path = folder / entry.filename
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(entry))
    return to


def _contents(text: str) -> bytes:
    match = _FOUND.search(text)
    contents = base64.b64decode(match[1]) if match else b""
    if match is None or hashlib.sha256(contents).hexdigest() != match[2]:
        raise InputError("a fetched archive must be whole, but this one is cut; fetch it again.")
    return contents


def _check_inside(entry: zipfile.ZipInfo) -> None:
    """Refuse names that lead out of the directory, and links, which may."""
    path = PurePosixPath(entry.filename)
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or is_link:
        raise InputError(
            f"a fetched file must lie in its study's directory, but got {entry.filename!r}; the "
            "cluster is not to be trusted."
        )
