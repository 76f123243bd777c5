"""Studies as their drivers write them, without Ray and without training."""

import http.client
import json
import socket
import sqlite3
from dataclasses import asdict
from datetime import UTC, datetime

import numpy as np

from raysearch.files import write_json
from raysearch.live.interface import dashboard
from raysearch.records import Record
from raysearch.remote.objects import open_objects
from raysearch.remote.snapshots import Publisher
from raysearch.remote.writers import Writer
from raysearch.settings import Settings
from raysearch.spaces import lookup
from raysearch.study import SCHEMA
from raysearch.tuning.history import History
from raysearch.tuning.place import DATABASE, IN_SQLITE

WRITER = Writer(1, "a" * 16)
SCRIPT = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
)


def complete(val_sic=0.5, max_sic=None, seconds=1.0, detector="hgb"):
    metrics = {"val_sic": [val_sic - 0.1, val_sic + 0.1], "val_loss": [0.6, 0.7]}
    if max_sic is not None:
        metrics["max_sic"] = [max_sic, max_sic]
    return Record("COMPLETE", metrics, 1, seconds, None, detector)


def failed(reason="a score is not finite"):
    return Record("FAIL", {}, 0, 0.5, reason, "hgb")


def pruned(val_sic=0.1):
    return Record("PRUNED", {"val_sic": [val_sic]}, 1, 0.2, None, "hgb")


class Driver:
    """Does with a study's directory what the driver of a search does."""

    def __init__(self, directory, trials=10, place=IN_SQLITE, **settings):
        self.directory, self.place = directory, place
        self.settings = Settings(trials=trials, **{"space": "hgb", "sampler": "random", **settings})
        self.about = {
            "schema": SCHEMA,
            "settings": self.settings.as_json(),
            "history": asdict(place),
            "inputs": {},
            "versions": {"raysearch": "1"},
            "created": "2026-01-01T00:00:00+0000",
        }
        write_json(directory / "study.json", self.about)
        self.history = History(directory, self.settings, place=place)
        self.open = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.history.close()

    def begin(self, count=1):
        for _ in range(count):
            index, trial = self.history.ask()
            lookup(self.settings.space)(trial)
            self.history.begin(trial)
            self.open[index] = trial
        self.history.commit()

    def end(self, *records):
        for record in records:
            self.history.finish(self.open.pop(min(self.open)), record)
        self.history.commit()

    def end_of(self, index, record):
        self.history.finish(self.open.pop(index), record)
        self.history.commit()

    def run(self, *records):
        self.begin(len(records))
        self.end(*records)

    def ended(self, reason=None):
        write_json(self.directory / "study.json", {**self.about, "ended_early": reason})


class Published(Driver):
    """A driver whose study is published when it says so."""

    def __init__(self, directory, uri, **options):
        super().__init__(directory, **options)
        self.objects = open_objects(uri)
        self.publisher = Publisher(self.objects, WRITER, directory, {})
        self.renew(0)

    def renew(self, beat):
        self.objects.put(WRITER.claim, json.dumps({"schema": 1, "beat": str(beat)}).encode())

    def publish(self):
        assert self.publisher.publish()


def many(driver, count, start=0, labels=True):
    """So many trials of three detectors in one write, as rows only: nothing was suggested."""
    rng = np.random.default_rng(start)
    records = [_plausible(rng, start + k, labels) for k in range(count)]
    with sqlite3.connect(driver.directory / DATABASE, timeout=20) as database:
        for number, record in enumerate(records, start):
            ended = datetime.fromtimestamp(1e9 + number, UTC).isoformat(" ")[:19]
            made = database.execute(
                "INSERT INTO trials (number, study_id, state, datetime_complete) "
                "VALUES (?, 1, ?, ?)",
                (number, record.state, ended),
            )
            told = json.dumps(json.dumps(record._asdict()))
            database.execute(
                "INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (?, ?, ?)",
                (made.lastrowid, "record", told),
            )
    database.close()


def _plausible(rng, number, labels):
    level = float(rng.gamma(4, 0.1))
    if number % 29 == 7:
        return failed(f"score {number % 3} is not finite")
    if number % 5 == 3:
        return pruned(level / 2)
    truth = 12 * level + float(rng.normal()) if labels else None
    detector = ("hgb", "mlp", "adaboost")[int(rng.integers(3))]
    return complete(level, truth, float(rng.gamma(3, 0.5)), detector)


class Page:
    """A served page and a client of it."""

    def __init__(self, directory, **options):
        self.dashboard = dashboard(directory, **options)
        self.port = int(self.dashboard.url.split(":")[2].split("/")[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.dashboard.close()

    def ask(self, path="/", method="GET", body=None, **headers):
        """Status, headers and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(
                method, path, body, {k.replace("_", "-"): v for k, v in headers.items()}
            )
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def raw(self, data, idle_s=20.0):
        """What comes back for these bytes until the connection is closed, or is silent so long."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
            got = b""
            try:
                client.sendall(data)
                client.settimeout(idle_s)
                while part := client.recv(1 << 16):
                    got += part
            except (ConnectionError, TimeoutError):
                pass
            return got

    def events(self, last_id=None):
        """Events as they come: (name, id, data)."""
        headers = {} if last_id is None else {"Last-Event-ID": last_id}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", "/events", headers=headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise OSError(answer.read().decode())
        try:
            yield from _parsed(answer)
        finally:
            connection.close()

    def states(self, last_id=None):
        """States as they come."""
        for name, _, data in self.events(last_id):
            if name == "state":
                yield data


def _parsed(lines):
    event = {}
    for line in lines:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            event[name] = value
        elif "data" in event:
            yield event["event"], event.get("id"), json.loads(event["data"])
            event = {}
