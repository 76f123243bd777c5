"""The parts of the packed trainer: dropout, batches, first weights, Adam, settings."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from packs import CPU, as_module, each_engine, initial, problem
from torch import nn

from raysearch.errors import InputError
from raysearch.training.adam import Adam
from raysearch.training.batches import Batches, Table
from raysearch.training.layout import Layout
from raysearch.training.networks import Networks
from raysearch.training.packed import train
from raysearch.training.settings import MemberSettings, PackSettings
from raysearch.training.streams import member_generator as generator


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_drops_its_share_and_keeps_the_mean(rate):
    from raysearch.training.dropout import Dropout

    dropout = Dropout([0.0, rate], [generator(1, CPU), generator(2, CPU)], (64, 32), 500)
    dropout.draw(2)
    activations = torch.full((2, 500, 32), 3.0)
    dropout.apply(1, activations)
    assert (activations[0] == 3).all()
    kept = activations[1] == 3
    assert ((activations[1] == 0) | kept).all()
    assert kept.float().mean().item() == pytest.approx(1 - rate, abs=0.015)
    # All four lanes of the 64 random bits are used alike.
    lanes = kept.flatten().view(-1, 4).float().mean(0)
    assert (lanes - (1 - rate)).abs().max() < 0.03


@each_engine
def test_dropout_gradient_is_that_of_inverted_dropout(engine):
    """One step from equal weights moves as a torch module with the same masks would."""
    features, is_data = problem(n=64)
    member = MemberSettings(np.arange(64), seed=3, batch_size=64, dropout=0.25)
    settings = PackSettings(hidden=(16, 8), epochs=1)
    trained = next(train(features, is_data, [member], settings, engine=engine))

    from raysearch.training.dropout import Dropout

    source, layout = generator(3, CPU), Layout(4, (16, 8))
    net = as_module(Networks(layout, layout.initial(source)[None], None), 0)
    batch = next(Batches(Table(features, is_data, CPU), [member.rows], 64, [source]).shuffled())
    dropout = Dropout([0.25], [source], (16, 8), 64)
    dropout.draw(1)
    hidden = batch.inputs[0]
    for number, width in enumerate((16, 8)):
        mask = torch.ones(1, 64, width)
        dropout.apply(number, mask)
        hidden = torch.relu(net[2 * number](hidden)) * mask[0] / 0.75
    loss = nn.functional.binary_cross_entropy_with_logits(
        net[4](hidden)[:, 0], batch.targets[0], weight=batch.weights[0], reduction="sum"
    )
    loss.backward()
    torch.optim.Adam(net.parameters(), lr=1e-3).step()
    for linear, layer in zip(net[::2], layout.layers(trained.parameters), strict=True):
        torch.testing.assert_close(layer.weight[0].mT, linear.weight.data, atol=2e-6, rtol=1e-4)
        torch.testing.assert_close(layer.bias[0, 0], linear.bias.data, atol=2e-6, rtol=1e-4)


def test_every_row_is_seen_once_per_epoch():
    features = np.arange(10, dtype=np.float32)[:, None]
    is_data = np.arange(10) % 2 == 0
    rows = [np.arange(10), np.arange(3, 7)]
    batches = Batches(
        Table(features, is_data, CPU), rows, 4, [generator(1, CPU), generator(2, CPU)]
    )
    seen = [[], []]
    widths = []
    for batch in batches.shuffled():
        widths.append(tuple(batch.targets.shape))
        for member in range(len(batch.inputs)):
            real = batch.weights[member] > 0
            values = batch.inputs[member, real, 0] * batches.encoding.width[member, 0]
            seen[member] += (values + batches.encoding.centre[member, 0]).round().int().tolist()
            assert batch.weights[member].sum().item() > 0
    assert widths == [(2, 4), (1, 4), (1, 2)]
    assert [sorted(rows) for rows in seen] == [list(range(10)), [3, 4, 5, 6]]


def test_initial_weights_are_those_of_nn_linear():
    layout = Layout(5, (64, 64))
    layers = layout.layers(initial(layout, range(40)).parameters)
    for (inputs, _), layer in zip(layout.shapes, layers, strict=True):
        for values in layer:
            bound = inputs**-0.5
            assert values.abs().max() <= bound
            assert values.std().item() == pytest.approx(bound / 3**0.5, rel=0.2)


def test_a_member_at_rest_is_not_moved():
    parameters = torch.ones(2, 3)
    members = [MemberSettings(np.arange(4), seed=0), MemberSettings(np.arange(2), seed=0)]
    adam = Adam(parameters, members, steps=[2, 1])
    adam.start_epoch(0)
    adam.update(0, torch.ones(2, 3))
    after = parameters[1].clone()
    adam.update(1, torch.ones(1, 3))
    assert torch.equal(parameters[1], after)
    assert parameters[0, 0].item() == pytest.approx(1 - 2e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dropout": 1.0}, "`dropout < 1` must hold, but got 1.0"),
        ({"learning_rate": 0.0}, "`learning_rate > 0` must hold, but got 0.0"),
        ({"beta1": -0.1}, "`beta1 >= 0` must hold, but got -0.1"),
        ({"seed": -1}, "`seed >= 0` must hold, but got -1"),
        ({"rows": np.arange(0)}, "`rows >= 1` must hold, but got 0"),
    ],
)
def test_settings_out_of_range(change, message):
    with pytest.raises(InputError, match=message):
        replace(MemberSettings(np.arange(3), seed=0), **change)
