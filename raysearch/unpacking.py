"""Files from strangers that are read whole: none takes more memory than it takes on disk.

A compressed archive of some kB unpacks to any size, whatever its directory says of it. raysearch
stores arrays as they are, so nothing that it reads needs to be unpacked.
"""

from __future__ import annotations

import io
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

from raysearch.errors import InputError

# Far above every detector, and little beside the memory of a machine that trains any.
MOST_BYTES = 2**30
_CHUNK_BYTES = 2**20


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
