"""A job interface that remembers what it was sent: Ray's HTTP paths without Ray."""

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata


class FakeHead:
    """What a head knows and has seen.

    `answers` overrules a path's (status, body); `requests` are (method, path, headers, body).
    """

    def __init__(self, token=None):
        self.token, self.answers, self.requests = token, {}, []
        self.jobs, self.printed, self.packages = {}, {}, {}
        self.version = metadata.version("ray")

    def answer(self, method, path, headers, body):
        self.requests.append((method, path, headers, body))
        if path in self.answers:
            return self.answers[path]
        if self.token is not None and headers.get("Authorization") != f"Bearer {self.token}":
            return (403, "Forbidden") if "Authorization" in headers else (401, "Unauthorized")
        if path == "/api/version":
            return 200, {"version": "4", "ray_version": self.version, "ray_commit": "x"}
        if path.startswith("/api/packages/"):
            return self._package(method, path, body)
        return self._jobs(method, path, json.loads(body or b"{}"))

    def _package(self, method, path, body):
        if method == "PUT":
            self.packages[path] = body
        return (200 if path in self.packages else 404), {}

    def _jobs(self, method, path, asked):
        name = re.fullmatch(r"/api/jobs/([^/]*)(/\w+)?", path)
        if method == "POST" and not name[1]:
            return self._submit(asked)
        if not name[1]:
            return 200, list(self.jobs.values())
        if name[1] not in self.jobs:
            return 404, f"Job {name[1]} does not exist"
        if name[2] == "/logs":
            return 200, {"logs": self.printed.get(name[1], "")}
        if name[2] == "/stop":
            return 200, {"stopped": self.jobs[name[1]]["status"] == "RUNNING"}
        if method == "DELETE":
            del self.jobs[name[1]]
            return 200, {"deleted": True}
        return 200, self.jobs[name[1]]

    def _submit(self, asked):
        name = asked["submission_id"]
        if name in self.jobs:
            return 500, f"Traceback\nValueError: Job with submission_id {name} already exists."
        kept = {key: asked.get(key) for key in ("entrypoint", "metadata", "runtime_env")}
        self.jobs[name] = {
            **{"type": "SUBMISSION", "submission_id": name, "status": "RUNNING", **kept},
            **{"start_time": 1000 * (1 + len(self.jobs)), "message": "it runs"},
        }
        return 200, {"job_id": name, "submission_id": name}


@contextmanager
def listening(head):
    """The URL of a server that answers as the head does."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, found = head.answer(self.command, self.path, dict(self.headers), body)
            text = found if isinstance(found, str) else json.dumps(found)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", text)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = do_DELETE = answer

        def log_message(self, *args):
            """Nothing: tests read what is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
