"""Who listens on a port of this machine: a token is sent to programs of its owner only.

A port that was free when a head was told to take it may be taken by any user of the machine before
the head does, some fifteen seconds later; whoever sends a token there gives it away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

# Linux tells of every socket the user it belongs to, whoever asks.
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENS = "0A"


def listeners(port: int) -> frozenset[int] | None:
    """The users whose programs listen on a port of this machine; None if the system does not tell.

    Args:
        port: on whatever address.
    """
    tables = [text for path in _TABLES if (text := _text(path)) is not None]
    if not tables:
        return None
    rows = (row for text in tables for row in text.splitlines()[1:])
    return frozenset(owners(rows, port))


def owners(rows: Iterable[str], port: int) -> Iterator[int]:
    """The users of the rows of such a table that listen on a port.

    Example:
        >>> row = "0: 0100007F:2049 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000"
        >>> list(owners([row], 8265)), list(owners([row], 8266))
        ([1000], [])
    """
    for row in rows:
        _, local, _, state, _, _, _, user = row.split()[:8]
        if state == _LISTENS and int(local.rpartition(":")[2], 16) == port:
            yield int(user)


def _text(path: Path) -> str | None:
    """What a table holds; None where there is none, or it is kept from this user."""
    try:
        return path.read_text()
    except OSError:
        return None
