"""Background modes: who is class 0 (template) and who is class 1 (data)."""

from raysearch.backgrounds.base import MIN_EVENTS, Background, two_sample
from raysearch.backgrounds.modes import BACKGROUNDS, background
from raysearch.backgrounds.pools import divide

__all__ = ["BACKGROUNDS", "MIN_EVENTS", "Background", "background", "divide", "two_sample"]
