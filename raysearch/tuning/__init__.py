"""The search: Ray Tune drives Optuna over a cluster. The only room that imports ray.tune."""
