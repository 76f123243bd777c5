"""Files from strangers that are read into memory: how much of it they may take.

A compressed archive of some kB unpacks to any size, whatever its directory says of it. raysearch
stores the arrays of detectors as they are, so none of those needs to be unpacked. Tables and events
are compressed, and may not be many times their size.
"""

from __future__ import annotations

import io
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

from raysearch.errors import InputError

# Numbers that were measured or simulated do not compress so much; a column of labels may.
_MOST_TIMES = 200
ALWAYS_FINE = 256 * 2**20
# Far above every detector, and little beside the memory of a machine that trains any.
MOST_BYTES = 2**30
# Of JSON, which takes some ten times as much memory as it takes on disk.
MOST_JSON_BYTES = 64 * 2**20
_CHUNK_BYTES = 2**20


def most_in_memory(size: int) -> int:
    """Bytes that a table may take in memory whose file has this size.

    Example:
        >>> most_in_memory(1000) == ALWAYS_FINE, most_in_memory(10**9)
        (True, 200000000000)
    """
    return max(ALWAYS_FINE, _MOST_TIMES * size)


def whole(path: Path, most: int = MOST_BYTES) -> bytes:
    """The contents of a file that is read into memory.

    Args:
        path: of the file.
        most: bytes that it may have.

    Raises:
        InputError: if it is larger.
        OSError: if it cannot be read.
    """
    read, size = io.BytesIO(), path.stat().st_size
    with path.open("rb") as file:
        # It may grow, and what is no regular file has no size.
        while size <= most and (chunk := file.read(_CHUNK_BYTES)):
            size = max(size, read.tell() + len(chunk))
            read.write(chunk)
    if size > most:
        raise InputError(
            f"{path} must not be larger than {most / 2**20:.0f} MiB, as no file of its kind is, "
            f"but has {size} bytes or more; put back the one that raysearch wrote."
        )
    return read.getvalue()


def stored_archive(path: Path) -> io.BytesIO:
    """An archive in memory, whose parts are no larger together than it is.

    Raises:
        InputError: if a part is compressed, or parts share their bytes.
        OSError: if it cannot be read.
        BadZipFile: if it is no archive.
    """
    contents = io.BytesIO(whole(path))
    with ZipFile(contents) as archive:
        entries = archive.infolist()
    packed = [entry.filename for entry in entries if entry.compress_type != ZIP_STORED]
    total, size = sum(entry.file_size for entry in entries), contents.seek(0, io.SEEK_END)
    if packed or total > size:
        why = f"{packed[0]!r} is compressed" if packed else f"its parts tell of {total} bytes"
        raise InputError(
            f"{path} must hold its arrays as they are, in no more than its {size} bytes, but "
            f"{why}; put back the one that raysearch wrote, and if you have it from somebody else, "
            "do not trust them."
        )
    contents.seek(0)
    return contents
