"""Decision trees as flat arrays: what they are saved as, checked as and changed as."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Tree(NamedTuple):
    """One tree; see `Trees`."""

    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trees:
    """T decision trees with S splits and L leaves in all; tree by tree, the root first.

    Attributes:
        leaves: (T,) leaves of each tree; it has one split less.
        feature: (S,) column a split looks at.
        threshold: (S,) rows with a value up to it go left.
        left: (S,) a split of the same tree, or ``~leaf``; splits come after their parent.
        right: (S,) the same for rows that go right.
        value: (L,) what a leaf adds to the score.
    """

    leaves: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float64]

    def __iter__(self) -> Iterator[Tree]:
        """The trees one by one."""
        ends = np.cumsum(self.leaves)
        for index, (n, end) in enumerate(zip(self.leaves, ends, strict=True)):
            splits = slice(end - n - index, end - 1 - index)
            yield Tree(
                self.feature[splits],
                self.threshold[splits],
                self.left[splits],
                self.right[splits],
                self.value[end - n : end],
            )

    def check(self, n_features: int) -> None:
        """Make sure that every walk from a root ends in one of the tree's own leaves.

        Args:
            n_features: columns that the splits may look at.

        Raises:
            ValueError: if it does not, or a number is not finite.
        """
        leaves = self.leaves.astype(np.int64)
        sizes = {len(part) for part in (self.feature, self.threshold, self.left, self.right)}
        if (leaves < 1).any() or sizes != {int((leaves - 1).sum())}:
            raise ValueError("a tree must have one split less than leaves")
        if len(self.value) != leaves.sum():
            raise ValueError("every leaf must have a value")
        if not (np.isfinite(self.threshold).all() and np.isfinite(self.value).all()):
            raise ValueError("thresholds and values must be finite")
        if ((self.feature < 0) | (self.feature >= n_features)).any():
            raise ValueError(f"features must be from 0 to {n_features - 1}")
        for tree in self:
            _check_children(np.concatenate([tree.left, tree.right]), len(tree.feature))


def _check_children(children: NDArray[np.int32], n_splits: int) -> None:
    """Each split but the root and each leaf has one parent, which comes before it."""
    if not np.array_equal(np.sort(children), _nodes_below_the_root(n_splits)):
        raise ValueError("every split and leaf must have one parent")
    parents = np.tile(np.arange(n_splits), 2)
    if ((children >= 0) & (children <= parents)).any():
        raise ValueError("a split must come after its parent")


def _nodes_below_the_root(n_splits: int) -> NDArray[np.intp]:
    """All leaves, as ``~leaf``, and all splits but the first, rising."""
    if not n_splits:
        return np.zeros(0, np.intp)
    return np.concatenate([np.arange(-n_splits - 1, 0), np.arange(1, n_splits)])


def joined(trees: Sequence[Tree]) -> Trees:
    """All trees in one set of arrays."""
    leaves = np.array([len(tree.value) for tree in trees], np.int32)
    whole, real = np.zeros(0, np.int32), np.zeros(0)
    return Trees(
        leaves,
        np.concatenate([whole, *(tree.feature for tree in trees)]),
        np.concatenate([real, *(tree.threshold for tree in trees)]),
        np.concatenate([whole, *(tree.left for tree in trees)]),
        np.concatenate([whole, *(tree.right for tree in trees)]),
        np.concatenate([real, *(tree.value for tree in trees)]),
    )
