"""The compiled kernel of `kernel.c`, called through ctypes; it releases Python's lock.

It is built when raysearch is installed, once per instruction set. A machine without a compiler
has none of them and trains in torch, with the same results to rounding.
"""

from __future__ import annotations

import ctypes
import logging
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from raysearch.training.layout import Layout

_LOG = logging.getLogger(__name__)
_POINTER, _LONG, _FLOAT = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float


class Network(ctypes.Structure):
    """`network` of kernel.c, field by field."""

    _fields_ = (
        ("layers", _LONG),
        ("widths", _POINTER),
        ("weights", _POINTER),
        ("biases", _POINTER),
        ("centre", _POINTER),
        ("inverse", _POINTER),
        ("parameters", _POINTER),
        ("scratch", _POINTER),
        ("bins", _LONG),
    )


class Training(ctypes.Structure):
    """`training` of kernel.c, field by field."""

    _fields_ = (
        ("features", _POINTER),
        ("labels", _POINTER),
        ("order", _POINTER),
        ("rows", _LONG),
        ("batch_size", _LONG),
        ("first", _LONG),
        ("last", _LONG),
        ("template_weight", _FLOAT),
        ("data_weight", _FLOAT),
        ("size", _LONG),
        ("mean", _POINTER),
        ("square", _POINTER),
        ("rates", _POINTER),
        ("epsilons", _POINTER),
        ("gain", _FLOAT),
        ("decay", _FLOAT),
        ("square_decay", _FLOAT),
        ("limit", ctypes.c_int32),
        ("dropout_gain", _FLOAT),
        ("bits", _POINTER),
        ("bits_of_a_step", _LONG),
    )


class Kernel:
    """One loaded library."""

    def __init__(self, path: Path) -> None:
        """Load the library and declare its functions.

        Raises:
            OSError: if it does not load, or was built from another kernel.c.
        """
        library = ctypes.CDLL(str(path))
        wanted = ctypes.sizeof(Network) + ctypes.sizeof(Training)
        if not hasattr(library, "struct_bytes") or library.struct_bytes() != wanted:
            raise OSError(f"{path} is of another version; install raysearch again")
        self._train, self._score, self._scratch = library.train, library.score, library.scratch_size
        self._train.argtypes = (ctypes.POINTER(Network), ctypes.POINTER(Training))
        self._score.argtypes = (ctypes.POINTER(Network), _POINTER, _LONG, _POINTER)
        self._scratch.argtypes = (ctypes.POINTER(Network), _LONG)
        self._scratch.restype = _LONG
        self._train.restype = self._score.restype = None

    def train(self, shape: Shape, training: Training) -> None:
        """Run the steps `first` to `last` of one network; the rest of the fields say on what."""
        self._train(ctypes.byref(shape.network), ctypes.byref(training))

    def score(
        self, shape: Shape, features: NDArray[np.float32], logits: NDArray[np.float32]
    ) -> None:
        """Fill (n,) logits of (n, d) raw features; both contiguous."""
        self._score(ctypes.byref(shape.network), pointer(features), len(features), pointer(logits))

    def scratch(self, network: Network, size: int) -> NDArray[np.float32]:
        """Memory that a network with `size` parameters works in."""
        return np.zeros(self._scratch(ctypes.byref(network), size), dtype=np.float32)


class Shape:
    """One network as the kernel sees it; holds on to the memory that it points to."""

    def __init__(
        self,
        kernel: Kernel,
        layout: Layout,
        parameters: NDArray[np.float32],
        centre: NDArray[np.float32],
        inverse_width: NDArray[np.float32],
    ) -> None:
        """Point to (layout.size,) parameters and the (layout.encoded,) encoding."""
        weights, biases = np.array(layout.starts, dtype=np.int64).T.copy()
        widths = np.array([layout.encoded, *layout.hidden, 1], dtype=np.int64)
        self._held = [widths, weights, biases, centre, inverse_width, parameters]
        pointers = [pointer(array) for array in self._held]
        self.network = Network(len(weights), *pointers, None, layout.bins)
        self._scratch = kernel.scratch(self.network, layout.size)
        self.network.scratch = pointer(self._scratch)


def pointer(array: NDArray[np.generic]) -> int:
    """Address of a contiguous array."""
    return array.ctypes.data


# What torch says of the processor, and the libraries that it can run, the best first.
_LIBRARIES = {
    "AVX512": ("_kernel_avx512", "_kernel_avx2", "_kernel"),
    "AVX2": ("_kernel_avx2", "_kernel"),
}


@cache
def kernel() -> Kernel | None:
    """The best library for this processor that was built and loads, or None."""
    capability = torch.backends.cpu.get_cpu_capability()
    for name in _LIBRARIES.get(capability, ("_kernel",)):
        found = find_spec(f"{__package__}.{name}")
        if found is None or found.origin is None:
            continue
        try:
            return Kernel(Path(found.origin))
        except OSError as error:  # built for another system, or damaged
            _LOG.warning("the compiled kernel %s does not load: %s", found.origin, error)
    _LOG.warning("no compiled kernel for %s: networks are trained in torch", capability)
    return None
