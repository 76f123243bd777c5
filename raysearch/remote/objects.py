"""An object store as four verbs, over the file systems of pyarrow."""

from __future__ import annotations

import posixpath
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.fs as pa_fs

from raysearch.errors import InputError
from raysearch.storage import writable

_LISTINGS = 5
_CHUNK_BYTES = 2**20
# Of what is read into memory: a list of many thousand files has some MiB.
_MOST_BYTES = 64 * 2**20


class Unreachable(InputError):
    """The store does not answer, or refuses."""


@dataclass(frozen=True)
class Objects:
    """The objects below one URI; each is written whole or not at all.

    Attributes:
        uri: names them for a user.
        system: holds them.
        base: path of the URI in it.
    """

    uri: str
    system: pa_fs.FileSystem
    base: str

    def put(self, name: str, contents: bytes) -> None:
        """Write an object, in place of one of this name.

        Raises:
            Unreachable: if the store does not take it.
        """
        with self._writing(name) as stream:
            stream.write(contents)

    def put_file(self, name: str, path: Path) -> None:
        """Write an object with the contents of a file; see `put`."""
        with self._writing(name) as stream, path.open("rb") as file:
            shutil.copyfileobj(file, stream, _CHUNK_BYTES)

    def get(self, name: str) -> bytes:
        """The contents of an object.

        Raises:
            FileNotFoundError: if there is none of this name.
            InputError: if it is larger than anything that is read into memory.
            Unreachable: if the store does not give it.
        """
        return b"".join(self._chunks(name, _MOST_BYTES))

    def get_file(self, name: str, path: Path, most: int) -> None:
        """Write the contents of an object, so many bytes at most, into a file; see `get`.

        Raises:
            Unwritable: if it is this machine's disk that fails.
        """
        with writable(path.parent), path.open("wb") as file:
            for chunk in self._chunks(name, most):
                file.write(chunk)

    def modified(self, folder: str) -> float | None:
        """When what lies directly in a folder was written last, in seconds since 1970.

        Returns:
            By the clock of the store; None if nothing lies there, or the store does not tell.

        Raises:
            Unreachable: if it does not answer.
        """
        selector = pa_fs.FileSelector(self._path(folder), allow_not_found=True)
        with self._told(may_be_missing=False):
            found = self._listed(selector)
        times = [i.mtime_ns for i in found if i.mtime_ns and not i.base_name.startswith(".")]
        return max(times) / 1e9 if times else None

    def names(self, folder: str) -> list[str]:
        """Sorted names of what lies directly in a folder, without the folder's own.

        Raises:
            Unreachable: if the store does not tell.
        """
        selector = pa_fs.FileSelector(self._path(folder), allow_not_found=True)
        with self._told(may_be_missing=False):
            found = self._listed(selector)
        # Hidden is what was being written where somebody was killed.
        return sorted(i.base_name for i in found if not i.base_name.startswith("."))

    def remove(self, name: str) -> None:
        """Remove an object, or a folder and all in it, if it is there.

        Raises:
            Unreachable: if the store does not let it go.
        """
        path = self._path(name)
        with self._told():
            (info,) = self.system.get_file_info([path])
            if info.type == pa_fs.FileType.Directory:
                self.system.delete_dir(path)
            elif info.type == pa_fs.FileType.File:
                self.system.delete_file(path)

    def _listed(self, selector: pa_fs.FileSelector) -> list[pa_fs.FileInfo]:
        """What lies there; on a mounted store something may go while it is listed."""
        for _ in range(_LISTINGS):
            with suppress(FileNotFoundError):
                return list(self.system.get_file_info(selector))
        return list(self.system.get_file_info(selector))

    def _chunks(self, name: str, most: int) -> Iterator[bytes]:
        """Parts of an object; what an object store says of its size is not relied upon."""
        left = most
        with self._told(), self.system.open_input_stream(self._path(name)) as stream:
            while chunk := stream.read(min(_CHUNK_BYTES, left + 1)):
                left -= len(chunk)
                if left < 0:
                    raise InputError(
                        f"an object must be no larger than was said when it was published, but "
                        f"{name} of {self.uri} has more than {most} bytes; whoever may write there "
                        "is not to be trusted."
                    )
                yield chunk

    def _path(self, name: str) -> str:
        return posixpath.join(self.base, name)

    @contextmanager
    def _writing(self, name: str) -> Iterator[BinaryIO]:
        path = self._path(name)
        with self._told(may_be_missing=False):
            if not isinstance(self.system, pa_fs.LocalFileSystem):
                # Nobody sees an object before its stream is closed.
                with self.system.open_output_stream(path) as stream:
                    yield stream
                return
            self.system.create_dir(posixpath.dirname(path), recursive=True)
            temporary = f"{posixpath.dirname(path)}/.{secrets.token_hex(8)}.tmp"
            with self.system.open_output_stream(temporary) as stream:
                yield stream
            self.system.move(temporary, path)

    @contextmanager
    def _told(self, *, may_be_missing: bool = True) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            if may_be_missing and isinstance(error, FileNotFoundError):
                raise
            raise Unreachable(
                f"the object store of a study must answer, but of {self.uri}: {error}"
            ) from error


def open_objects(uri: str) -> Objects:
    """The objects below a URI.

    Args:
        uri: of a scheme that pyarrow knows: ``s3://``, ``gs://``, ``abfs://``, or ``file://``
            for a mounted one. What was written must be listed at once, as it is in all of these.

    Raises:
        InputError: if it names nothing that pyarrow can open.
    """
    try:
        system, base = pa_fs.FileSystem.from_uri(uri)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(
            f"an object store must have a URI as s3://BUCKET/NAME, gs://BUCKET/NAME or "
            f"abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/NAME, but of {uri}: {error}"
        ) from error
    return Objects(uri, system, base)
