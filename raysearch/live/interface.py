"""`raysearch.dashboard`: the live page of a study."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from raysearch.errors import InputError
from raysearch.live.guard import guard_of
from raysearch.live.remote import RemoteStudy
from raysearch.live.server import Server, listen
from raysearch.live.state import State
from raysearch.malformed import refusing
from raysearch.remote import uri_of
from raysearch.remote.objects import open_objects
from raysearch.settings import Settings, settings_from_json
from raysearch.study import Study, load_study

LOOPBACK = "127.0.0.1"


class Dashboard:
    """A page that is served while this object lives; also a context manager.

    Attributes:
        url: to open; beyond this machine it holds a key, which is for viewers only.
    """

    def __init__(self, url: str, server: Server, remote: RemoteStudy | None = None) -> None:
        """Hold a page that is served already, and the copy that it reads."""
        self.url, self._server, self._remote = url, server, remote

    def __enter__(self) -> Dashboard:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def wait(self) -> None:
        """Serve until Ctrl-C."""
        self._server.wait()

    def close(self) -> None:
        """End the page."""
        self._server.close()
        if self._remote is not None:
            self._remote.close()


def dashboard(
    study: Study | Path | str,
    *,
    port: int = 0,
    host: str = LOOPBACK,
    database_host: str | None = None,
) -> Dashboard:
    """Serve a page that follows a study, which may be running in another process.

    The study is only read, from its directory and its history, or of one in an object store from
    what was published last. The page is served by a thread of this process.

    Args:
        study: or its directory, or its URI in an object store.
        port: to serve from; 0 for any that is free.
        host: name or address to listen on; only on the loopback the page needs no key.
        database_host: of a study in a directory whose trials are in a PostgreSQL database on
            another machine, the host that you trust with it; any other is not connected to.

    Returns:
        The page, with its address; close it when it is not needed any more.

    Raises:
        InputError: if there is no study, the port is taken, or `database_host` is given for a study
            in an object store.
    """
    uri = None if isinstance(study, Study) else uri_of(study)
    if uri is None:
        directory = study.directory if isinstance(study, Study) else Path(study)
        state = State(directory, _settings(directory), database_host=database_host)
        return _served(state, directory.absolute().name, None, port, host)
    if database_host is not None:
        raise InputError(
            f"a database of another machine is connected to for a study in a directory only, but "
            f"{uri} is in an object store, to which others may write; leave --database-host out."
        )
    remote = RemoteStudy(open_objects(uri))
    try:
        state = State(remote.directory, _settings(remote.directory), remote=remote)
        return _served(state, remote.name, remote, port, host)
    except BaseException:
        remote.close()
        raise


def _served(state: State, name: str, remote: RemoteStudy | None, port: int, host: str) -> Dashboard:
    guard = guard_of(host)
    listening = listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listening.getsockname()[1]}/"
    url += "" if guard.key is None else f"?key={guard.key}"
    return Dashboard(url, Server(state, guard, name, listening), remote)


def _settings(directory: Path) -> Settings:
    about = load_study(directory).about
    rule = "study.json must hold the settings of a study"
    with refusing(directory, rule, "use the raysearch version that wrote it"):
        return settings_from_json(about["settings"])
