"""The clock of a worker of the direct backend; no Ray process."""

import time

from raysearch.tuning.pool import Worker


def test_a_worker_is_overdue_by_its_last_word_and_only_while_it_has_work():
    worker = Worker(actor=None, starting=None, since=time.monotonic() - 5)
    assert not worker.is_overdue(4)
    worker.batches.append(None)
    assert worker.is_overdue(4)
    assert not worker.is_overdue(60)
    worker.since = time.monotonic()
    assert not worker.is_overdue(4)
