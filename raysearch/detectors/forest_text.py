"""LightGBM's text format of trees, read and written.

References:
    LightGBM: a highly efficient gradient boosting decision tree (Ke et al., 2017)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from raysearch.detectors.binning import Bins
from raysearch.detectors.flat_trees import Tree, Trees, joined

_HEAD = """tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx={last}
feature_names={names}
feature_infos={infos}

"""
_TREE = """Tree={index}
num_leaves={leaves}
num_cat=0
split_feature={feature}
threshold={threshold}
decision_type={kind}
left_child={left}
right_child={right}
leaf_value={value}
is_linear=0
shrinkage=1

"""


def model_text(trees: Trees, n_features: int) -> str:
    """A model whose raw score is the sum of the trees, as LightGBM loads it.

    Args:
        trees: checked, at least one.
        n_features: columns of the events to be scored.
    """
    head = _HEAD.format(
        last=n_features - 1,
        names=" ".join(f"x{i}" for i in range(n_features)),
        infos=" ".join(["[-inf:inf]"] * n_features),
    )
    body = [_tree_text(index, tree) for index, tree in enumerate(trees)]
    return "".join([head, *body, "end of trees\n"])


def _tree_text(index: int, tree: Tree) -> str:
    return _TREE.format(
        index=index,
        leaves=len(tree.value),
        feature=_text(tree.feature),
        threshold=_text(tree.threshold),
        kind=_text(np.zeros(len(tree.feature), np.int32)),  # numerical, nothing is missing
        left=_text(tree.left),
        right=_text(tree.right),
        value=_text(tree.value),
    )


def _text(values: NDArray[np.int32] | NDArray[np.float64]) -> str:
    return " ".join(map(repr, values.tolist()))


def trees_of(text: str, bins: Bins) -> Trees:
    """The trees of a model that LightGBM trained on codes, with thresholds on the features.

    Args:
        text: from ``Booster.model_to_string``.
        bins: what made the codes.
    """
    blocks = text.partition("end of trees")[0].split("\nTree=")[1:]
    # A threshold is put above the edge, which is a row's value, by less than the next float32:
    # no rounding can then send that row the other way.
    above = [_just_above(edges) for edges in bins.edges]
    return joined([_tree(block, above) for block in blocks])


def _just_above(edges: NDArray[np.float32]) -> NDArray[np.float64]:
    following = np.nextafter(edges, np.float32(np.inf)).astype(np.float64)
    return (edges.astype(np.float64) + following) / 2


def _tree(block: str, above: list[NDArray[np.float64]]) -> Tree:
    entries = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)

    def numbers(name: str) -> NDArray[np.float64]:
        return np.array(entries.get(name, "").split(), np.float64)

    feature, left, right = (
        numbers(name).astype(np.int32) for name in ("split_feature", "left_child", "right_child")
    )
    code = np.floor(numbers("threshold")).astype(np.intp)
    threshold = [above[column][edge] for column, edge in zip(feature, code, strict=True)]
    value = numbers("leaf_value")
    return Tree(feature, np.array(threshold, np.float64), left, right, value)
