"""Problems, members and engines that the tests of the packed trainer share."""

import numpy as np
import pytest
import torch
from torch import nn

from raysearch.training.kernel import kernel
from raysearch.training.networks import Networks
from raysearch.training.packed import ENGINES
from raysearch.training.settings import MemberSettings
from raysearch.training.streams import member_generator as generator

CPU = torch.device("cpu")
has_kernel = kernel() is not None
each_engine = pytest.mark.parametrize(
    "engine",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                name == "native" and not has_kernel,
                reason="no kernel was built for this processor",
            ),
        )
        for name in ENGINES
    ],
)


def problem(n=700, d=4, seed=0):
    rng = np.random.default_rng(seed)
    is_data = rng.random(n) < 0.4
    features = rng.normal(size=(n, d)) + 0.7 * is_data[:, None]
    return (features * [1, 10, 0.1, 3] + [0, 100, 5, -2]).astype(np.float32), is_data


def last(networks):
    *_, final = networks
    return final


def as_module(networks, member):
    """A plain torch module with the weights of one member."""
    shapes = networks.layout.shapes
    linears = [nn.Linear(*shape) for shape in shapes]
    for linear, layer in zip(linears, networks.layout.layers(networks.parameters), strict=True):
        linear.weight.data = layer.weight[member].mT.clone()
        linear.bias.data = layer.bias[member, 0].clone()
    parts = [part for linear in linears for part in (linear, nn.ReLU())]
    return nn.Sequential(*parts[:-1])


def initial(layout, seeds):
    flat = torch.stack([layout.initial(generator(seed, CPU)) for seed in seeds])
    return Networks(layout, flat, None)


def different_members():
    return [
        MemberSettings(np.arange(0, 500), seed=1, batch_size=64),
        MemberSettings(np.arange(0, 700), seed=2, dropout=0.3, learning_rate=5e-3),
        MemberSettings(np.arange(50, 183), 3, 64, beta1=0.95, weight_decay=1e-3),
        MemberSettings(np.arange(200, 650), seed=4, dropout=0.1, beta1=0.8),
        MemberSettings(np.arange(0, 500), seed=1, dropout=0.5),
    ]


def agree(engine, some, others):
    """To the last bit where members are computed alone, else to rounding."""
    if engine == "native":
        np.testing.assert_array_equal(some, others)
    else:
        np.testing.assert_allclose(some, others, rtol=1e-3, atol=1e-4)
