"""A disk without room, as the system answers."""

import resource
from contextlib import contextmanager


@contextmanager
def no_file_larger_than(size):
    """What the system answers from then on where a file would grow beyond it: no room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
