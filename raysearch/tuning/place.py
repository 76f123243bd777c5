"""Where the history of a study is kept. No Ray, and nothing is opened."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

from raysearch.errors import InputError, unknown_name

SQLITE, JOURNAL, POSTGRESQL = "sqlite", "journal", "postgresql"
_URL = f"{POSTGRESQL}://"
_STUDY = "raysearch"
# libpq looks for a user up to the first "/" or "@", also behind a "?".
_PARTS = re.compile(r"(?:([^@/]*)@)?([^?]*)\??(.*)", re.DOTALL)
# Options of libpq that hold no secret.
_OPTIONS = frozenset(
    {
        *("host", "hostaddr", "port", "dbname", "user", "service", "passfile", "connect_timeout"),
        *("channel_binding", "client_encoding", "options", "application_name", "require_auth"),
        *("fallback_application_name", "keepalives", "keepalives_idle", "keepalives_interval"),
        *("keepalives_count", "tcp_user_timeout", "sslmode", "sslnegotiation", "sslcompression"),
        *("sslcert", "sslkey", "sslcertmode", "sslrootcert", "sslcrl", "sslcrldir", "sslsni"),
        *("requirepeer", "ssl_min_protocol_version", "ssl_max_protocol_version"),
        *("min_protocol_version", "max_protocol_version", "gssencmode", "gssdelegation", "gsslib"),
        *("krbsrvname", "target_session_attrs", "load_balance_hosts"),
    }
)
# Such as another would be, that were written where they are not looked for.
_SECRET = re.compile(r"://|(?:password|passwd|pwd|secret)\s*=", re.IGNORECASE)
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
        InputError: if it is none of these, or holds a "#" or what may be a password.
    """

    where: str = SQLITE
    study: str = _STUDY

    def __post_init__(self) -> None:
        """Check the words."""
        if not self.where.startswith(_URL):
            if self.where not in (SQLITE, JOURNAL):
                raise _no_place(self.where)
            return
        if "#" in self.where:
            # What follows it would be looked at by libpq alone.
            raise InputError(
                "--history must hold no '#', where a URL ends for us but not for PostgreSQL, but "
                "it does; write it as %23."
            )
        if _may_hold_password(self.where):
            raise holds_password()
        try:
            urlsplit(self.where)
        except ValueError as error:
            raise InputError(f"--history must be a URL, but: {error}.") from error

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
        "--history must not hold a password, which would be written into the study, but it does, "
        "or what may be one: a ':' in its user, a further '@', or an option that is not known to "
        "be none; leave it out, and put it into ~/.pgpass or PGPASSWORD, where PostgreSQL looks "
        "for it. An '@' of a name is written as %40."
    )


def _no_place(where: str) -> InputError:
    if where.isalnum():
        return unknown_name("history", where, (SQLITE, JOURNAL, f"{_URL}..."))
    return InputError(
        f"--history must be {SQLITE}, {JOURNAL} or {_URL}user@host/database, but what was given is "
        "none of these; it is not repeated here, since a password may stand in it."
    )


def _may_hold_password(url: str) -> bool:
    """Whether a password may stand in a URL, by the rules of libpq or of who wrote it."""
    parts = _PARTS.fullmatch(url.removeprefix(_URL))
    user, place, query = ("", "", "") if parts is None else parts.groups(default="")
    named = {unquote(option.partition("=")[0]) for option in query.split("&") if option}
    elsewhere = _SECRET.search(unquote(f"{place}?{query}")) is not None
    return ":" in unquote(user) or "@" in place or not named <= _OPTIONS or elsewhere
