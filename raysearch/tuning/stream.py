"""Items as they come, without one waiting for the next. No Ray."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class _End:
    error: BaseException | None = None


def as_they_come(source: Iterable[Item]) -> Iterator[list[Item]]:
    """Lists of items, each with all that have come since the last list was taken, at least one.

    The source runs in a thread of its own: what it has made is given away while it works on the
    next, and what it makes faster than it is taken goes together.

    Raises:
        BaseException: what the source raised, after all items before it.
    """
    found: SimpleQueue[Item | _End] = SimpleQueue()
    Thread(target=_fill, args=(source, found), daemon=True).start()
    while True:
        items = [found.get(), *_rest(found)]
        end = items[-1] if isinstance(items[-1], _End) else None
        made = [item for item in items if not isinstance(item, _End)]
        if made:
            yield made
        if end is not None and end.error is not None:
            raise end.error
        if end is not None:
            return


def _fill(source: Iterable[Item], found: SimpleQueue[Item | _End]) -> None:
    try:
        for item in source:
            found.put(item)
    except BaseException as error:  # raised again where the items are taken
        found.put(_End(error))
        return
    found.put(_End())


def _rest(found: SimpleQueue[Item | _End]) -> Iterator[Item | _End]:
    """What is there already."""
    while True:
        try:
            yield found.get_nowait()
        except Empty:
            return
