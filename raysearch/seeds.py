"""Where every random choice comes from: one study seed and the name of the choice."""

from __future__ import annotations

import zlib

import numpy as np


def seed_sequence(seed: int, *path: str | int) -> np.random.SeedSequence:
    """The seed sequence of one named random choice of a study.

    Choices with different paths are independent; adding one never moves another, and the
    number of workers plays no part.

    Args:
        seed: the study's seed.
        path: names and numbers of the choice, e.g. ``("trial", 7, "repeat", 2)``.

    Example:
        >>> seed_sequence(1, "split").spawn_key == seed_sequence(1, "order").spawn_key
        False
    """
    key = [step if isinstance(step, int) else zlib.crc32(step.encode()) for step in path]
    return np.random.SeedSequence(seed, spawn_key=key)


def generator(seed: int, *path: str | int) -> np.random.Generator:
    """The numpy generator of one named random choice."""
    return np.random.default_rng(seed_sequence(seed, *path))


def number(seed: int, *path: str | int) -> int:
    """A 63-bit seed of one named random choice, for libraries that want an integer."""
    return int(seed_sequence(seed, *path).generate_state(1, np.uint64)[0] >> np.uint64(1))
