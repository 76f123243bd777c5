"""What else there is to look at: Ray's dashboard, TensorBoard, optuna-dashboard."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from raysearch.errors import InputError
from raysearch.service.address import is_loopback
from raysearch.service.head_place import running_head
from raysearch.tuning.place import DATABASE, JOURNAL, JOURNAL_FILE, POSTGRESQL, Place

_DASHBOARD = "RAY_API_SERVER_ADDRESS"
_EVENTS = "events.out.tfevents.*"
_DEPTH = 3


class Link(NamedTuple):
    """Something else to look at.

    Attributes:
        label: what it is.
        url: where it is, or "".
        command: that shows it, or "".
        note: what to know about it.
    """

    label: str
    url: str
    command: str
    note: str


def links(directory: Path, place: Place | None) -> list[Link]:
    """What exists now for a study.

    Args:
        directory: of the study.
        place: of its history, if that is known.
    """
    return [*_ray(), *_tensorboard(directory), *_optuna(directory, place)]


def _ray() -> Iterator[Link]:
    note = "its token is asked for where it shows more than the page itself"
    named = os.environ.get(_DASHBOARD, "")
    if named.startswith("http") and is_loopback(named):
        yield Link("Ray dashboard", named, "", note)
    try:
        head = running_head()
    except (InputError, OSError, ValueError, TypeError):
        return  # no head of this user, or none that can be trusted
    if head is not None and head.url != named:
        yield Link("Ray dashboard", head.url, "", note)


def _tensorboard(directory: Path) -> Iterator[Link]:
    patterns = ["/".join(["*"] * depth + [_EVENTS]) for depth in range(_DEPTH + 1)]
    if any(next(directory.glob(pattern), None) for pattern in patterns):
        command = shlex.join(["tensorboard", "--logdir", str(directory.absolute())])
        yield Link("Tune's output in TensorBoard", "", command, "")


def _optuna(directory: Path, place: Place | None) -> Iterator[Link]:
    storage = None if place is None else _storage(directory, place)
    if storage is not None and find_spec("optuna_dashboard"):
        command = shlex.join(["optuna-dashboard", storage])
        yield Link("optuna-dashboard", "", command, "it can change the study: look only")


def _storage(directory: Path, place: Place) -> str | None:
    """The history as optuna-dashboard names it."""
    if place.is_server:
        return place.where.replace(POSTGRESQL, f"{POSTGRESQL}+psycopg", 1)
    path = directory.absolute() / (JOURNAL_FILE if place.where == JOURNAL else DATABASE)
    if not path.is_file():
        return None
    return str(path) if place.where == JOURNAL else f"sqlite:///{path}"
