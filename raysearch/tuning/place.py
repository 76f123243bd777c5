"""Where the history of a study is kept. No Ray, and nothing is opened."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from importlib.util import find_spec
from urllib.parse import parse_qs, urlsplit

from raysearch.errors import InputError, unknown_name

SQLITE, JOURNAL, POSTGRESQL = "sqlite", "journal", "postgresql"
_URL = f"{POSTGRESQL}://"
_STUDY = "raysearch"
# Of a history in a file of the study's directory.
DATABASE, JOURNAL_FILE = "optuna.db", "optuna.journal"


@dataclass(frozen=True)
class Place:
    """Where a history is kept, as study.json holds it.

    Attributes:
        where: "sqlite" or "journal", a file in the study's directory; or the URL of a database,
            ``postgresql://user@host/database``.
        study: its name there.

    Raises:
        InputError: if it is none of these, or holds a password or a "#".
    """

    where: str = SQLITE
    study: str = _STUDY

    def __post_init__(self) -> None:
        """Check the words."""
        if not self.where.startswith(_URL):
            if self.where not in (SQLITE, JOURNAL):
                raise unknown_name("history", self.where, (SQLITE, JOURNAL, f"{_URL}..."))
            return
        if "#" in self.where:
            # What follows it would be looked at by libpq alone.
            raise InputError(
                "--history must hold no '#', where a URL ends for us but not for PostgreSQL, but "
                "it does; write it as %23."
            )
        if _has_password(self.where):
            raise holds_password()

    @property
    def is_server(self) -> bool:
        """Whether it is a database that other studies may share."""
        return self.where.startswith(_URL)


IN_SQLITE = Place()


def place(where: str) -> Place:
    """The place of a new study's history; on a server its name is a new one.

    Raises:
        InputError: see `Place`; or if the database's driver is not installed.
    """
    found = Place(where)
    if not found.is_server:
        return found
    if find_spec("psycopg") is None:
        raise InputError(
            f"--history {where} needs psycopg, which is not installed; install "
            "raysearch[postgresql]."
        )
    return replace(found, study=f"{_STUDY}-{secrets.token_hex(8)}")


def holds_password() -> InputError:
    """What to raise; what was given is not repeated, since messages end in logs."""
    return InputError(
        "--history must not hold a password, which would be written into the study, but it does; "
        "leave it out, and put it into ~/.pgpass or PGPASSWORD, where PostgreSQL looks for it."
    )


def _has_password(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = parse_qs(parts.query, keep_blank_values=True)
        return parts.password is not None or any("password" in name.lower() for name in named)
    except ValueError as error:
        raise InputError(f"--history must be a URL, but: {error}.") from error
