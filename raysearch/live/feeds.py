"""Chooses what reads the trials of a study, by where its history is kept."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from raysearch.live.feed import Feed, Unreadable
from raysearch.live.journal import JournalFeed
from raysearch.live.plain import text
from raysearch.live.sqlite import sqlite_feed
from raysearch.tuning.place import DATABASE, IN_SQLITE, JOURNAL, JOURNAL_FILE, Place


def place_of(about: Mapping[str, Any]) -> Place:
    """Where the history of a study is kept.

    Args:
        about: study.json, which may hold anything.

    Raises:
        Unreadable: if it names no place.
    """
    found = about.get("history", {"where": IN_SQLITE.where})
    try:
        made = Place(**found)
        if isinstance(made.study, str):
            return made
    except (TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"study.json names no place of its trials ({text(error)})") from error
    raise Unreadable("study.json names no place of its trials (the study's name is no text)")


def open_feed(directory: Path, place: Place, database_host: str | None = None) -> Feed:
    """What reads the history of a study; nothing is read yet.

    Args:
        directory: of the study.
        place: of the history.
        database_host: beyond this machine that may be connected to; None for no such host.

    Raises:
        Unreadable: if what that needs is not installed.
    """
    if place.where == JOURNAL:
        return JournalFeed(directory / JOURNAL_FILE)
    if not place.is_server:
        return sqlite_feed(directory / DATABASE, place.study)
    if find_spec("psycopg") is None:
        raise Unreadable(
            f"its trials are in {place.where}, which needs psycopg; install raysearch[postgresql]"
        )
    from raysearch.live.postgresql import postgresql_feed

    return postgresql_feed(place.where, place.study, database_host)
