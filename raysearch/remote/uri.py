"""What names a place in an object store."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qsl, urlsplit

from raysearch.errors import InputError

# Of a single letter it would be a drive. A path has lost one of the two slashes.
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.+)", re.DOTALL)
# Options of pyarrow's file systems that hold no secret; a signature may have any name.
_OPTIONS = frozenset(
    {
        *("region", "scheme", "endpoint_override", "tls_ca_file_path", "force_virtual_addressing"),
        *("allow_bucket_creation", "allow_bucket_deletion", "retry_limit_seconds", "enable_tls"),
        *("blob_storage_authority", "dfs_storage_authority"),
    }
)


def uri_of(place: Path | str) -> str | None:
    """The URI that a place names; None for a path on this machine.

    Args:
        place: as a user gave it. A URI that became a path, by which it lost a slash, is known all
            the same.

    Raises:
        InputError: if it holds a password or a key, which everybody could read: the URI of a study
            is printed, logged and seen in the list of processes.

    Example:
        >>> uri_of("s3://bucket/first"), uri_of(Path("s3://bucket/first")), uri_of("studies/first")
        ('s3://bucket/first', 's3://bucket/first', None)
    """
    match = _URI.fullmatch(str(place))
    if match is None:
        return None
    scheme = match[1].lower()
    uri = f"{scheme}://{'/' if scheme == 'file' else ''}{match[2]}"
    if _may_hold_secret(uri):
        raise InputError(
            f"the URI of an object store must hold no password and no key, but that of {scheme}:// "
            f"has a user, or options other than {', '.join(sorted(_OPTIONS))}; give secrets as the "
            "store's own tools take them, e.g. by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or "
            "AWS_PROFILE."
        )
    return uri


def name_of(uri: str) -> str:
    """The last part of a URI, which a study is known by.

    Example:
        >>> name_of("s3://bucket/studies/first?region=eu-west-1")
        'first'
    """
    parts = urlsplit(uri)
    return PurePosixPath(parts.path).name or parts.netloc


def check_local(place: Path | str) -> None:
    """Raise InputError if a directory of this machine is needed, but the place is a URI."""
    if (uri := uri_of(place)) is not None:
        raise InputError(
            f"a study must be on this machine to be read, but {uri} is in an object store; copy it "
            f"by `raysearch fetch {uri}`."
        )


def _may_hold_secret(uri: str) -> bool:
    parts = urlsplit(uri)
    named = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)} - _OPTIONS
    # What stands before an @ is a user and a password in every scheme but Azure's, where it is a
    # container.
    is_azure = parts.scheme.startswith("abfs")
    return bool(named) or ("@" in parts.netloc and not (is_azure and ":" not in parts.netloc))
