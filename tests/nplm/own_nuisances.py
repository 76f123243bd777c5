"""A user's own nuisance, found by the command as `own_nuisances:tilt`."""

from raysearch.nplm import Nuisance


def slope(points):
    return (points[:, 0] - points[:, 0].mean()) / 10


tilt = Nuisance("tilt", width=0.5, terms=(slope,))
