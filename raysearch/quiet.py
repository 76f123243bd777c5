"""Optuna without its own news: it tells of every new study, which is none here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import optuna


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """No line of Optuna below a warning, for the length of the block.

    Example:
        >>> with quiet_optuna():
        ...     optuna.logging.get_verbosity() == optuna.logging.WARNING
        True
    """
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
