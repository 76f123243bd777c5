"""Feature sets: which columns a study reads, and what a detector sees of them."""

from raysearch.features.sets import (
    BASELINE,
    FEATURE_SETS,
    FeatureSet,
    feature_set,
    select,
    select_columns,
    select_union,
    union,
)
from raysearch.features.variation import Variation, fit_variation, variation_from_json

__all__ = [
    "BASELINE",
    "FEATURE_SETS",
    "FeatureSet",
    "Variation",
    "feature_set",
    "fit_variation",
    "select",
    "select_columns",
    "select_union",
    "union",
    "variation_from_json",
]
