"""Serves the page over HTTP in a thread of its own, with limits on all that a client may send."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import Any

from aiohttp import web

from raysearch.errors import InputError
from raysearch.live.guard import Guard
from raysearch.live.hub import Hub
from raysearch.live.pages import Pages, sentence
from raysearch.live.state import State

_MOST_CONNECTIONS = 400
_LIMITS = {
    # For the first request of a connection, too, however slowly it comes.
    "keepalive_timeout": 20.0,
    "max_line_size": 4096,
    "max_field_size": 8192,
    "max_headers": 64,
    "lingering_time": 1.0,
}
_START_S = 30.0
# The library tells of each malformed request, at length; who sends one is told.
_QUIET = logging.getLogger("raysearch.live.http")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False
_QUIET.setLevel(logging.CRITICAL)


class _Connection(web.RequestHandler):
    """Answers what is no HTTP like everything else, and repeats nothing of it."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """One sentence."""
        reason = "The request is not HTTP, or too long." if status < 500 else "The page failed."
        return sentence(status, reason)


class _Server(web.Server):
    """Makes connections of our own kind, and no more than some hundreds."""

    def __call__(self) -> web.RequestHandler:
        """A handler for a new connection."""
        return _Connection(self, loop=self._loop, logger=_QUIET, access_log=_QUIET, **self._kwargs)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Take the connection, or close it at once."""
        super().connection_made(handler, transport)
        if len(self.connections) > _MOST_CONNECTIONS:
            transport.abort()


class Server:
    """A page that is served until it is closed."""

    def __init__(self, state: State, guard: Guard, name: str, listening: socket.socket) -> None:
        """Start to serve.

        Args:
            state: of the study.
            guard: asked before anything is answered.
            name: of the study.
            listening: bound socket.
        """
        self._ready, self._stopped = threading.Event(), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(state, guard, name, listening)),
            name="raysearch live page",
            daemon=True,
        )
        self._thread.start()
        if not self._ready.wait(_START_S):
            raise RuntimeError("the live page did not start.")

    def wait(self) -> None:
        """Serve until `close` is called or the process is interrupted."""
        while self._thread.is_alive():
            self._thread.join(1.0)

    def close(self) -> None:
        """End the page; viewers see that they are cut off."""
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()

    async def _serve(self, state: State, guard: Guard, name: str, listening: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        hub = Hub(state)
        limits: dict[str, Any] = dict(_LIMITS)
        server = _Server(Pages(hub, guard, name).handle, handler_cancellation=True, **limits)
        runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        reader = asyncio.create_task(hub.keep_fresh())
        self._ready.set()
        try:
            await self._stopped.wait()
        finally:
            hub.close()
            reader.cancel()
            await runner.cleanup()


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to an address.

    Args:
        host: name or address.
        port: 0 for any that is free.

    Raises:
        InputError: if that cannot be, as where the port is taken.
    """
    if not 0 <= port < 1 << 16:
        raise InputError(f"`0 <= port < 65536` must hold, but got port = {port}; 0 takes any.")
    try:
        family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(where[:2], family=family)
    except (OSError, UnicodeError) as error:
        raise InputError(
            f"the page must be served from a free port of this machine, but {host} port {port} "
            f"cannot be had ({error}); leave --port out to take any."
        ) from error
