"""Background modes: who is class 0 (template) and who is class 1 (data)."""

from raysearch.backgrounds.base import (
    MIN_EVENTS,
    Background,
    Classes,
    Generated,
    inside,
    join,
    two_sample,
)
from raysearch.backgrounds.cathode import Cathode
from raysearch.backgrounds.modes import BACKGROUNDS, background, template_of
from raysearch.backgrounds.pools import divide

__all__ = [
    "BACKGROUNDS",
    "MIN_EVENTS",
    "Background",
    "Cathode",
    "Classes",
    "Generated",
    "background",
    "divide",
    "inside",
    "join",
    "template_of",
    "two_sample",
]
