"""A head that a search starts from Python is this machine's alone and demands a token."""

import json
import os
import subprocess
import sys
from ipaddress import ip_address
from types import SimpleNamespace

import pytest

from raysearch.access import LOOPBACK_ONLY, MODE, keep_head_private
from raysearch.connection import _starts_a_head, check_address

# A search from Python; it tells where its head listens, and whether workers import from here.
SEARCH = """
import importlib.util, json, os, sys
import psutil
from raysearch.connection import connected
told = []
with connected({address}, 0.0, told.append):
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    import ray
    look = ray.remote(lambda: importlib.util.find_spec("lies_here") is not None)
    searched = ray.get(look.remote())
    ips = [c.laddr.ip for p in family for c in p.net_connections("inet") if c.status == "LISTEN"]
print(json.dumps([told, ips, os.environ["RAY_AUTH_MODE"], searched]))
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("RAY_ADDRESS", LOOPBACK_ONLY, MODE):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.mark.xdist_group("ray")
@pytest.mark.parametrize(("address", "options"), [(None, []), ("local", ["-P"])])
def test_a_head_started_from_python_listens_on_the_loopback_only(
    address, options, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "lies_here.py").write_text("")
    command = [sys.executable, *options, "-c", SEARCH.format(address=repr(address))]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, timeout=120, cwd=tmp_path
    )
    told, ips, mode, searched = json.loads(done.stdout.splitlines()[-1])
    assert len(told) == 1
    assert len(ips) > 3
    for ip in map(ip_address, ips):
        assert (getattr(ip, "ipv4_mapped", None) or ip).is_loopback
    assert mode == "token"
    # -P: this process does not import from its directory, so that workers must not either.
    assert searched == (not options)
    assert (tmp_path / ".ray" / "auth_token").stat().st_mode & 0o777 == 0o600


def test_who_imported_ray_before_is_told(monkeypatch):
    told = []
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace())
    keep_head_private(told.append)
    assert "listens on all addresses of this machine" in told[0]
    monkeypatch.setenv(LOOPBACK_ONLY, "0")
    keep_head_private(told.append)
    assert len(told) == 1


def test_what_the_user_set_stays(monkeypatch):
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    monkeypatch.setenv(MODE, "disabled")
    keep_head_private(pytest.fail)
    assert (os.environ[MODE], os.environ[LOOPBACK_ONLY]) == ("disabled", "0")


@pytest.mark.parametrize(
    ("address", "surrounding", "starts"),
    [
        *((None, None, True), (None, "", True), ("local", None, True)),
        *((None, "head:6379", False), ("head:6379", None, False), ("auto", None, False)),
    ],
)
def test_a_head_is_started_where_no_cluster_is_named(address, surrounding, starts, monkeypatch):
    if surrounding is not None:
        monkeypatch.setenv("RAY_ADDRESS", surrounding)
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False))
    assert _starts_a_head(address) is starts
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: True))
    assert not _starts_a_head(address)


def test_no_address_needs_no_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "raysearch.tuning.cluster", None)
    check_address(None)
    check_address("local")
