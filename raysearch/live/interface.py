"""`raysearch.dashboard`: the live page of a study."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from raysearch.live.guard import guard_of
from raysearch.live.server import Server, listen
from raysearch.live.state import State
from raysearch.malformed import refusing
from raysearch.settings import Settings, settings_from_json
from raysearch.study import Study, load_study

LOOPBACK = "127.0.0.1"


class Dashboard:
    """A page that is served while this object lives; also a context manager.

    Attributes:
        url: to open; beyond this machine it holds a key, which is for viewers only.
    """

    def __init__(self, url: str, server: Server) -> None:
        """Hold a page that is served already."""
        self.url, self._server = url, server

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


def dashboard(study: Study | Path | str, *, port: int = 0, host: str = LOOPBACK) -> Dashboard:
    """Serve a page that follows a study, which may be running in another process.

    The study is only read, from its directory. The page is served by a thread of this process.

    Args:
        study: or its directory.
        port: to serve from; 0 for any that is free.
        host: name or address to listen on; only on the loopback the page needs no key.

    Returns:
        The page, with its address; close it when it is not needed any more.

    Raises:
        InputError: if there is no study, or the port is taken.
    """
    directory = study.directory if isinstance(study, Study) else Path(study)
    settings = _settings(directory)
    guard = guard_of(host)
    listening = listen(host, port)
    state = State(directory, settings)
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listening.getsockname()[1]}/"
    url += "" if guard.key is None else f"?key={guard.key}"
    return Dashboard(url, Server(state, guard, directory.absolute().name, listening))


def _settings(directory: Path) -> Settings:
    about = load_study(directory).about
    rule = "study.json must hold the settings of a study"
    with refusing(directory, rule, "use the raysearch version that wrote it"):
        return settings_from_json(about["settings"])
