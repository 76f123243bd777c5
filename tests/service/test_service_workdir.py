"""What a cluster is sent of a working directory."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from raysearch.errors import InputError
from raysearch.service import workdir
from raysearch.service.workdir import archive, uploaded_files

SENT = ["README.md", "jobs/build/space.py", "jobs/dist.py", "jobs/search.py", "my_space.py"]
KEPT = [
    *("events.h5", "toys.parquet", ".git/config", ".env", ".venv/pyvenv.cfg", "venv/pyvenv.cfg"),
    *("venv/lib/a.py", "__pycache__/a.pyc", "studies/first/study.json", "mine/study.json"),
    *("mine/detector/a.json", "old/.fetched", "old/report.html"),
    *("build/lib.py", "dist/a.txt", "scans/a.txt", "id_rsa", "id_ed25519.pub", "jobs/key.pem"),
    *("credentials.json", "jobs/Secrets.yaml", "server.key", "private.json"),
]


@pytest.fixture
def directory(tmp_path):
    for name in (*SENT, *KEPT):
        path = tmp_path / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "work" / "private.json").chmod(0o600)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "work" / "link.py").symlink_to(tmp_path / "secret")
    return tmp_path / "work"


def test_code_is_sent_and_data_studies_environments_and_links_are_not(directory):
    assert [path.as_posix() for path in uploaded_files(directory, [])] == SENT


def test_a_data_file_that_the_command_reads_is_sent(directory):
    files = uploaded_files(directory, [directory / "events.h5"])
    assert [path.as_posix() for path in files] == ["README.md", "events.h5", *SENT[1:]]


def test_too_much_is_refused_with_what_is_large(directory, monkeypatch):
    monkeypatch.setattr(workdir, "MOST_BYTES", 2**20)
    (directory / "model.bin").write_bytes(b"0" * 2 * 2**20)
    with pytest.raises(InputError, match=r"1.0 MiB, but .* has 2.0 MiB; .* model.bin \(2.0 MiB\)"):
        uploaded_files(directory, [])


def test_no_more_is_looked_at_than_it_takes_to_refuse(directory, monkeypatch):
    """Of a whole home, say."""
    seen, is_file = [], Path.is_file
    monkeypatch.setattr(Path, "is_file", lambda path: seen.append(path.name) or is_file(path))
    monkeypatch.setattr(workdir, "MOST_FILES", 1)
    with pytest.raises(InputError, match="must not hold more than 1 files"):
        uploaded_files(directory, [])
    assert "search.py" not in seen
    monkeypatch.setattr(workdir, "MOST_BYTES", 5)
    with pytest.raises(InputError, match=r"must not be larger than 0.0 MiB"):
        uploaded_files(directory, [])


@pytest.mark.parametrize("link", [False, True])
def test_the_token_does_not_go_along(link, directory, monkeypatch, tmp_path):
    (directory / "cluster_token").write_text("secret")
    named = directory / "cluster_token"
    if link:
        named = tmp_path / "link"
        named.symlink_to(directory / "cluster_token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(named))
    assert Path("cluster_token") not in uploaded_files(directory, [])
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH")
    assert Path("cluster_token") in uploaded_files(directory, [])


def test_what_is_no_directory_is_refused(tmp_path):
    with pytest.raises(InputError, match="--working-dir must be a directory"):
        uploaded_files(tmp_path / "absent", [])


def test_equal_contents_give_equal_archives_whatever_their_times(directory):
    files = uploaded_files(directory, [])
    made = archive(directory, files)
    os.utime(directory / "my_space.py", (0, 0))
    assert archive(directory, files) == made
    with zipfile.ZipFile(io.BytesIO(made)) as opened:
        assert opened.namelist() == SENT
        assert opened.read("my_space.py") == Path(directory / "my_space.py").read_bytes()
