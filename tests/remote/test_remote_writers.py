"""One writer at a time: who lives keeps the right, who is dead loses it, two never have it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from raysearch.errors import InputError
from raysearch.remote.objects import Objects, open_objects
from raysearch.remote.writers import Claim, Superseded, Writer, claim, writers


def quiet(line):
    pass


@contextmanager
def living(writer):
    """The writer renews its claim for the length of the block."""
    over = threading.Event()

    def live():
        while not over.wait(0.05):
            writer.renew()

    thread = threading.Thread(target=live)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_writer_that_lives_is_not_replaced(uri):
    objects = open_objects(uri)
    first = claim(objects, None, quiet)
    with living(first), pytest.raises(InputError, match="running already"):
        claim(objects, None, quiet, dead_s=5.0)
    first.check()


def test_who_has_ended_is_not_renewed_by_a_thread_that_is_late(uri):
    objects, lines = open_objects(uri), []
    first = claim(objects, None, quiet)
    first.release()
    first.renew()
    claim(objects, None, lines.append, dead_s=1e6)
    assert not lines


def test_one_that_stands_still_is_replaced_and_finds_out(uri):
    objects, lines = open_objects(uri), []
    first = claim(objects, None, quiet)
    second = claim(objects, None, lines.append, dead_s=0.5)
    assert second.writer.generation == first.writer.generation + 1
    assert "if its writer lives" in lines[0]
    with pytest.raises(Superseded, match="another has gone on"):
        first.renew()
    second.renew()


def test_after_an_orderly_end_nobody_waits(uri):
    objects, lines = open_objects(uri), []
    claim(objects, None, quiet).release()
    claim(objects, None, lines.append, dead_s=1e6)
    assert not lines


def test_a_writer_of_this_machine_that_is_known_to_be_dead_is_not_waited_for(uri):
    objects, lines = open_objects(uri), []
    first = claim(objects, None, quiet)
    claim(objects, first.writer, lines.append, dead_s=1e6)
    assert not lines


def test_one_that_ends_while_it_is_watched_is_not_watched_further(uri):
    objects = open_objects(uri)
    first = claim(objects, None, quiet)
    second = claim(objects, None, lambda line: first.release(), dead_s=1e6)
    assert second.writer.generation == 2


@dataclass(frozen=True)
class Meeting(Objects):
    """A store in which two newcomers have both looked before either writes."""

    barrier: threading.Barrier

    def put(self, name, contents):
        self.barrier.wait(10)
        super().put(name, contents)


def test_of_two_that_begin_at_once_never_both_write(tmp_path):
    plain = open_objects(f"file://{tmp_path}/store")
    objects = Meeting(plain.uri, plain.system, plain.base, threading.Barrier(2))

    def begin(_):
        try:
            return claim(objects, None, quiet)
        except InputError as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            found = list(pool.map(begin, range(2)))
            made = [each for each in found if isinstance(each, Claim)]
            assert len(made) <= 1
            assert all("at this very moment" in each for each in found if each not in made)
            assert writers(plain)[: len(made)] == [each.writer for each in made]
            plain.remove("writers")


def test_what_is_no_claim_is_none(uri):
    objects = open_objects(uri)
    objects.put("writers/000007-../evil.json", b"{}")
    objects.put("writers/note.txt", b"hello")
    assert claim(objects, None, quiet).writer.generation == 1


def test_a_claim_that_cannot_be_read_is_watched_too(uri):
    objects = open_objects(uri)
    objects.put(Writer(3, "0" * 16).claim, b"\xff not JSON")
    assert claim(objects, None, quiet, dead_s=0.3).writer.generation == 4


@pytest.mark.parametrize("token", ["0" * 16, "f" * 16])
def test_a_loser_that_died_before_it_withdrew_hides_nobody_who_lives(token, tmp_path):
    objects = open_objects(f"file://{tmp_path}/store")
    winner = claim(objects, None, quiet)
    # It had looked before, wrote, and was killed.
    objects.put(Writer(1, token).claim, b'{"schema": 1, "beat": "0"}')
    with living(winner), pytest.raises(InputError, match="running already"):
        claim(objects, None, quiet, dead_s=5.0)
    winner.check()


def test_a_claim_of_another_version_is_refused(tmp_path):
    objects = open_objects(f"file://{tmp_path}/store")
    objects.put(Writer(3, "0" * 16).claim, b'{"schema": 9, "beat": "0"}')
    with pytest.raises(InputError, match="must have schema 1, but got 9"):
        claim(objects, None, quiet)
