"""`raysearch.dashboard`: the live page of a study."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

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


def dashboard(study: Study | Path | str, *, port: int = 0, host: str = LOOPBACK) -> Dashboard:
    """Serve a page that follows a study, which may be running in another process.

    The study is only read, from its directory and its history, or of one in an object store from
    what was published last. The page is served by a thread of this process.

    Args:
        study: or its directory, or its URI in an object store.
        port: to serve from; 0 for any that is free.
        host: name or address to listen on; only on the loopback the page needs no key.

    Returns:
        The page, with its address; close it when it is not needed any more.

    Raises:
        InputError: if there is no study, or the port is taken.
    """
    uri = None if isinstance(study, Study) else uri_of(study)
    if uri is None:
        directory = study.directory if isinstance(study, Study) else Path(study)
        return _served(directory, directory.absolute().name, None, port, host)
    remote = RemoteStudy(open_objects(uri))
    try:
        return _served(remote.directory, remote.name, remote, port, host)
    except BaseException:
        remote.close()
        raise


def _served(
    directory: Path, name: str, remote: RemoteStudy | None, port: int, host: str
) -> Dashboard:
    settings = _settings(directory)
    guard = guard_of(host)
    listening = listen(host, port)
    state = State(directory, settings, remote=remote)
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listening.getsockname()[1]}/"
    url += "" if guard.key is None else f"?key={guard.key}"
    return Dashboard(url, Server(state, guard, name, listening), remote)


def _settings(directory: Path) -> Settings:
    about = load_study(directory).about
    rule = "study.json must hold the settings of a study"
    with refusing(directory, rule, "use the raysearch version that wrote it"):
        return settings_from_json(about["settings"])
