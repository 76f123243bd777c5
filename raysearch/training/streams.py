"""The random numbers of one member."""

from __future__ import annotations

import numpy as np
import torch


def member_generator(seed: int, device: torch.device) -> torch.Generator:
    """A generator of its own for one member.

    The seed passes through a hash because the CPU generator sees its lowest 32 bits only, and
    starts poorly from a small number.
    """
    word = int(np.random.SeedSequence(seed).generate_state(1)[0])
    return torch.Generator(device).manual_seed(word)
