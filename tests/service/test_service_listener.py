"""Whose programs listen on a port."""

import os
import socket

import pytest

from raysearch.service import listener
from raysearch.service.listener import listeners, owners

TABLE = """\
 0: 0100007F:2049 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100
 1: 0100007F:2049 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1001        0 2 1 0 100
 2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3 1 0 100
"""
TABLE_6 = f" 0: {'0' * 24}01000000:2049 {'0' * 32}:0000 0A 0:0 00:0 0  1002  0 4 1 0 100\n"


def test_who_listens_is_told_and_who_is_only_connected_is_not():
    rows = (TABLE + TABLE_6).splitlines()
    assert list(owners(rows, 0x2049)) == [1000, 1002]
    assert list(owners(rows, 22)) == [0]
    assert list(owners(rows, 0x9999)) == []


@pytest.mark.skipif(listeners(1) is None, reason="this system does not tell whose sockets are")
@pytest.mark.parametrize(("family", "host"), [("AF_INET", "127.0.0.1"), ("AF_INET6", "::1")])
def test_a_listener_of_this_process_is_of_this_user(family, host):
    try:
        server = socket.create_server((host, 0), family=getattr(socket, family))
    except OSError:
        pytest.skip(f"this machine has no {family}")
    with server:
        port = server.getsockname()[1]
        assert listeners(port) == {os.getuid()}
    assert listeners(port) == frozenset()


def test_a_system_that_does_not_tell_is_not_taken_for_nobody(monkeypatch, tmp_path):
    monkeypatch.setattr(listener, "_TABLES", (tmp_path / "absent", tmp_path))
    assert listeners(80) is None
