"""What names a place in an object store, and what must not."""

from pathlib import Path

import pytest

from raysearch.errors import InputError
from raysearch.remote import check_local, uri_of


@pytest.mark.parametrize("uri", ["s3://b/n", "gs://b/a/n", "file:///data/n", "s3://b/n?region=x"])
def test_a_uri_is_known_as_text_and_as_path(uri):
    assert uri_of(uri) == uri
    assert uri_of(Path(uri)) == uri


@pytest.mark.parametrize("path", ["studies/first", "/abs/s3:/x", "../x", "x:y", "C:/x", "first"])
def test_a_path_is_none(path):
    assert uri_of(path) is None
    assert uri_of(Path(path)) is None
    check_local(path)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://me:hidden@bucket/n",
        "s3://me@bucket/n",
        "s3://bucket/n?access_key=hidden",
        "abfs://c@account.dfs.core.windows.net/n?sas_token=hidden",
        "abfs://c@account.dfs.core.windows.net/n?sv=1&sig=hidden",
        "S3://me:hidden@bucket/n",
        "abfs://c:hidden@account.dfs.core.windows.net/n",
    ],
)
def test_a_secret_is_refused_and_not_repeated(uri):
    with pytest.raises(InputError, match="no password and no key") as told:
        uri_of(uri)
    assert "hidden" not in str(told.value)


def test_azure_names_a_container_before_its_account():
    uri = "abfs://c@account.dfs.core.windows.net/n"
    assert uri_of(uri) == uri


def test_what_is_read_must_be_here():
    with pytest.raises(InputError, match="raysearch fetch s3://b/n"):
        check_local("s3://b/n")
