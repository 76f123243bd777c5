"""Ray's job interface: its HTTP paths as functions. No Ray.

References:
    Ray Jobs REST API, https://docs.ray.io/en/latest/cluster/running-applications/job-submission
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from raysearch.errors import InputError
from raysearch.service.executor import AlreadyThere
from raysearch.service.ping import check_admitted
from raysearch.service.wire import TIMEOUT_S, Answer, ask

_DONE, _ABSENT = 200, 404
# Uploads and logs of many MiB, the other side's handling included.
_LONG_S = 600.0
# A head answers before the agent of its node, which starts jobs, is there.
_NO_AGENT, _AGENT_S, _POLL_S = "No available agent to submit job", 60.0, 0.5


@dataclass(frozen=True)
class JobInterface:
    """A head's job interface.

    Attributes:
        url: of its dashboard.
        token: that opens it, or None.
    """

    url: str
    token: str | None = field(default=None, repr=False)

    def submit(
        self, job_id: str, entrypoint: str, told: Mapping[str, str], environment: Mapping[str, Any]
    ) -> None:
        """Start a job.

        Args:
            job_id: its name.
            entrypoint: line that a shell runs.
            told: metadata, which anybody on the cluster may read.
            environment: Ray's runtime environment.

        Raises:
            AlreadyThere: if there is one of this name.
            InputError: if the head refuses.
        """
        asked = {"submission_id": job_id, "entrypoint": entrypoint, "metadata": dict(told)}
        asked["runtime_env"] = dict(environment)
        ends = time.monotonic() + _AGENT_S
        while _NO_AGENT in _text(answer := self._ask("POST", "jobs/", json.dumps(asked).encode())):
            if time.monotonic() > ends:
                break
            time.sleep(_POLL_S)
        if answer.status != _DONE and f"submission_id {job_id} already exists" in _text(answer):
            raise AlreadyThere(job_id)
        self._done(answer)

    def jobs(self) -> list[Any]:
        """All jobs that the head knows, as Ray describes them."""
        found = self._json(self._ask("GET", "jobs/"))
        return found if isinstance(found, list) else []

    def job(self, job_id: str) -> dict[str, Any] | None:
        """One of them; None if there is none of this name."""
        answer = self._ask("GET", _path(job_id))
        return None if answer.status == _ABSENT else dict(self._json(answer))

    def logs(self, job_id: str) -> str:
        """What a job has printed so far."""
        answer = self._ask("GET", f"{_path(job_id)}/logs", timeout_s=_LONG_S)
        return str(self._json(answer).get("logs") or "")

    def stop(self, job_id: str) -> bool:
        """End a job; False if it had ended."""
        return bool(self._json(self._ask("POST", f"{_path(job_id)}/stop")).get("stopped"))

    def delete(self, job_id: str) -> None:
        """Forget a job that has ended."""
        self._done(self._ask("DELETE", _path(job_id)))

    def upload(self, archive: bytes) -> str:
        """Send a zip file unless the head has it; the URI by which jobs find it."""
        name = f"_ray_pkg_{hashlib.sha1(archive).hexdigest()}.zip"
        path = f"packages/gcs/{name}"
        answer = self._ask("GET", path)
        if answer.status == _ABSENT:
            answer = self._ask("PUT", path, archive, timeout_s=_LONG_S)
        self._done(answer)
        return f"gcs://{name}"

    def _ask(
        self, method: str, path: str, body: bytes | None = None, timeout_s: float = TIMEOUT_S
    ) -> Answer:
        url = f"{self.url}/api/{path}"
        answer = ask(url, self.token, method=method, body=body, timeout_s=timeout_s)
        check_admitted(self.url, answer)
        return answer

    def _done(self, answer: Answer) -> None:
        if answer.status != _DONE:
            raise InputError(f"{self.url} did not do it: {last_line(_text(answer))}")

    def _json(self, answer: Answer) -> Any:
        self._done(answer)
        try:
            return json.loads(answer.body)
        except ValueError as error:
            raise InputError(f"{self.url} must answer in JSON, but did not: {error}.") from error


def last_line(text: str) -> str:
    r"""The last line of a message or a log, where the reason stands.

    Example:
        >>> last_line("Traceback ...\nValueError: too large\n")
        'ValueError: too large'
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def _path(job_id: str) -> str:
    return f"jobs/{quote(job_id, safe='')}"


def _text(answer: Answer) -> str:
    return answer.body.decode(errors="replace")
