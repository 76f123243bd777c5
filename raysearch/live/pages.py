"""The answers of the live page: a few fixed addresses, read-only, none of them a file's path.

Nothing that a request holds reaches the file system: an address is looked up among six, whose
files were read when the page was started.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import NamedTuple

from aiohttp import web

from raysearch.live.guard import COOKIE, Guard
from raysearch.live.hub import Hub, Position
from raysearch.live.prometheus import CONTENT_TYPE, exposition

MOST_VIEWERS = 200
EVENTS, METRICS = "/events", "/metrics"
_HEARTBEAT_S = 10.0
# Who does not read for so long is gone.
_PATIENCE_S = 15.0
_POSITION = re.compile(r"([0-9a-f]{8})-(\d{1,9})", re.ASCII)
_KEY = "/?key="
_LOG = logging.getLogger(__name__)

_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "raysearch",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class _File(NamedTuple):
    kind: str
    name: str


_FILES: Mapping[str, _File] = {
    "/": _File("text/html; charset=utf-8", "index.html"),
    "/live.js": _File("text/javascript; charset=utf-8", "live.js"),
    "/charts.js": _File("text/javascript; charset=utf-8", "charts.js"),
    "/live.css": _File("text/css; charset=utf-8", "live.css"),
    "/icon.svg": _File("image/svg+xml", "icon.svg"),
}


def answer(status: int, body: bytes, kind: str, **further: str) -> web.Response:
    """A whole answer with the headers that all have."""
    headers = {**HEADERS, "Content-Type": kind, **further}
    return web.Response(status=status, body=body, headers=headers)


def sentence(status: int, reason: str) -> web.Response:
    """A refusal or a failure in plain words."""
    further = {"Allow": "GET, HEAD"} if status == 405 else {}
    found = answer(status, f"{reason}\n".encode(), "text/plain; charset=utf-8", **further)
    if status >= 400:
        found.force_close()
    return found


class Pages:
    """Answers requests about one study."""

    def __init__(self, hub: Hub, guard: Guard, name: str) -> None:
        """Read the files of the page.

        Args:
            hub: of the study's state.
            guard: asked before anything is answered.
            name: of the study, for Prometheus.
        """
        self._hub, self._guard, self._name = hub, guard, name
        static = files("raysearch.live") / "static"
        self._bodies = {path: (static / file.name).read_bytes() for path, file in _FILES.items()}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to any request; a failure is one sentence, its trace goes to the log."""
        try:
            return await self._answer(request)
        except ConnectionError:
            raise
        except Exception:
            _LOG.exception("a request could not be answered")
            return sentence(500, "The page failed; what happened is in the log of its process.")

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        # As it was sent: nothing is decoded, and what is not listed does not exist.
        path = request.raw_path
        refusal = self._guard.refusal(request)
        if refusal is not None:
            return sentence(*refusal)
        if path.startswith(_KEY) and self._guard.is_key(path.removeprefix(_KEY)):
            cookie = f"{COOKIE}={self._guard.key}; Path=/; HttpOnly; SameSite=Lax"
            return answer(303, b"", "text/plain", Location="/", **{"Set-Cookie": cookie})
        if not self._guard.is_open_to(request):
            return sentence(403, "This page needs its key: open the address that was printed.")
        return await self._page(request, path)

    async def _page(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        if path in self._bodies:
            return answer(200, self._bodies[path], _FILES[path].kind)
        if path == METRICS:
            figures = (await self._hub.fresh()).figures
            return answer(200, exposition(self._name, figures), CONTENT_TYPE)
        if path == EVENTS:
            return await self._events(request)
        return sentence(404, "There is no such page; the study's is at /.")

    async def _events(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._hub.viewers >= MOST_VIEWERS:
            return sentence(503, f"{MOST_VIEWERS} viewers look already; close one.")
        headers = {**HEADERS, "Content-Type": "text/event-stream"}
        stream = web.StreamResponse(headers=headers)
        await stream.prepare(request)
        if request.method == "GET":
            self._hub.enter()
            try:
                await self._stream(stream, _position(request))
            except TimeoutError:  # a viewer that is gone
                stream.force_close()
            except ConnectionError:
                raise
            except Exception:  # too late for another answer: the viewer comes again
                _LOG.exception("a viewer could not be told the state")
                stream.force_close()
            finally:
                self._hub.leave()
        return stream

    async def _stream(self, stream: web.StreamResponse, position: Position) -> None:
        """Send what is new until the viewer goes."""
        head = outcome = b""
        await _send(stream, b"retry: 1000\n\n")
        while not self._hub.is_closed:
            found = await self._hub.fresh()
            if found.outcome != outcome:
                outcome = found.outcome
                await _send(stream, b"event: outcome\ndata: " + outcome + b"\n\n")
            now = Position(found.life, found.n_rows)
            if now != position or found.head != head:
                told = self._hub.message(found, position)
                name = f"{found.life}-{found.n_rows}".encode()
                await _send(stream, b"id: " + name + b"\nevent: state\ndata: " + told + b"\n\n")
                position, head = now, found.head
            else:
                await _send(stream, b": here\n\n")
            await self._hub.changed(found, _HEARTBEAT_S)


async def _send(stream: web.StreamResponse, data: bytes) -> None:
    await asyncio.wait_for(stream.write(data), _PATIENCE_S)


def _position(request: web.BaseRequest) -> Position:
    """Where a viewer stood that was cut off, as its browser says."""
    found = _POSITION.fullmatch(request.headers.get("Last-Event-ID", ""))
    return Position(found[1], int(found[2])) if found else Position()
