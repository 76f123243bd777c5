"""Opens the history of a study, wherever it is kept."""

from __future__ import annotations

from pathlib import Path

import optuna
from optuna.exceptions import OptunaError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from raysearch.errors import InputError
from raysearch.malformed import reason
from raysearch.tuning.database import Database
from raysearch.tuning.journal import Journal
from raysearch.tuning.ledger import Ledger
from raysearch.tuning.place import DATABASE, JOURNAL, JOURNAL_FILE, POSTGRESQL, Place
from raysearch.tuning.session import SQLite
from raysearch.tuning.store import Store


def open_store(
    directory: Path, place: Place, direction: StudyDirection, trials: int, ledger: Ledger
) -> Store:
    """Open the history of a study or create it; no other driver of it may do so meanwhile.

    Args:
        directory: of the study.
        place: of the history.
        direction: of a new study.
        trials: of a new study.
        ledger: empty, of this driver.

    Raises:
        InputError: if it cannot be opened, or has another schema.
    """
    if place.where == JOURNAL:
        return Journal(directory / JOURNAL_FILE, place.study, direction, trials, ledger)
    if place.is_server:
        return _on_server(place, direction, ledger)
    path = directory / DATABASE
    _create_in_file(path, place.study, direction)
    return Database(SQLite(path), place.study, str(path), ledger)


def _create_in_file(path: Path, study: str, direction: StudyDirection) -> None:
    try:
        _create_tables(f"sqlite:///{path}", study, direction)
    except DBAPIError as error:
        raise (error.orig or error) from error
    except (SQLAlchemyError, OptunaError) as error:
        raise InputError(
            f"{path} must be a database of Optuna that raysearch wrote, but: {reason(error)}; put "
            "back the one of this study, or start a new study."
        ) from error


def _on_server(place: Place, direction: StudyDirection, ledger: Ledger) -> Store:
    from raysearch.tuning.postgresql import PostgreSQL

    # Connects first, since its message is the better one.
    session = PostgreSQL(place.where)
    url = place.where.replace(POSTGRESQL, f"{POSTGRESQL}+psycopg", 1)
    try:
        _create_tables(url, place.study, direction)
    except OperationalError as error:
        raise InputError(
            f"the database {place.where} must take Optuna's tables, but: {error.orig}; use one in "
            "which this user may create tables."
        ) from error
    return Database(session, place.study, place.where, ledger)


def _create_tables(url: str, study: str, direction: StudyDirection) -> None:
    storage = RDBStorage(url)
    optuna.create_study(storage=storage, study_name=study, direction=direction, load_if_exists=True)
    storage.engine.dispose()
