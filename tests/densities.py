"""A conditional density of closed form, and settings that make a fit quick."""

import numpy as np

from raysearch.events import Events

QUICK = {
    "maf": {"blocks": 3, "hidden": 24, "batch_size": 128, "epochs": 5, "learning_rate": 5e-3},
    "flow_matching": {"hidden": 48, "layers": 2, "batch_size": 128, "epochs": 5, "steps": 5},
}
CORRELATION = 0.6


def moving_gaussian(n, seed, masses=None):
    """Two correlated normal features whose means move with mjj as (m - 3.5, 2 (3.5 - m)).

    Masses are flat in 2.5 to 4.5 TeV unless given.
    """
    rng = np.random.default_rng(seed)
    mjj = rng.uniform(2.5, 4.5, n) if masses is None else np.asarray(masses)
    covariance = [[1, CORRELATION], [CORRELATION, 1]]
    noise = rng.multivariate_normal([0, 0], covariance, len(mjj))
    means = np.column_stack([mjj - 3.5, 2 * (3.5 - mjj)])
    features = (means + noise).astype(np.float32)
    return Events(features, ("x", "y"), ("1", "1"), mjj.astype(np.float32))
