"""The packed trainer against plain torch, and its members against each other."""

from dataclasses import replace
from shutil import which

import numpy as np
import pytest
import torch
from packs import CPU, agree, as_module, different_members, each_engine, initial, last, problem
from torch import nn

from raysearch.errors import InputError
from raysearch.training.kernel import kernel
from raysearch.training.layout import Layout
from raysearch.training.networks import Networks
from raysearch.training.packed import ENGINES, train
from raysearch.training.passes import alternating, backward, forward
from raysearch.training.settings import MemberSettings, PackSettings
from raysearch.training.streams import member_generator as generator


def encoded(x, bins):
    """Each feature standardised, then its share of each bin, by interpolation."""
    edges = np.quantile(x, np.linspace(0, 1, bins + 1), axis=0)
    columns = []
    for own, at in zip(x.T, edges.T, strict=True):
        columns.append((own - own.mean()) / own.std())
        columns += [np.interp(own, at[t : t + 2], [0, 1]) for t in range(bins)]
    return np.stack(columns, axis=1)


def plain_training(features, is_data, member, settings):
    """One member as anyone would write it with torch, given the trainer's random numbers."""
    source = generator(member.seed, CPU)
    layout = Layout(features.shape[1], settings.hidden, settings.bins)
    start = Networks(layout, layout.initial(source)[None], None)
    net = as_module(start, 0)
    x, y = features[member.rows].astype(np.float64), is_data[member.rows]
    x = torch.from_numpy(encoded(x, settings.bins).astype(np.float32))
    weights = np.where(y, len(y) / (2 * y.sum()), len(y) / (2 * (~y).sum())).astype(np.float32)
    weights, targets = torch.from_numpy(weights), torch.from_numpy(y.astype(np.float32))
    adam = torch.optim.Adam(
        net.parameters(),
        lr=member.learning_rate,
        betas=(member.beta1, 0.999),
        weight_decay=member.weight_decay,
    )
    for _ in range(settings.epochs):
        order = torch.randperm(len(y), generator=source)
        for batch in order.split(member.batch_size):
            adam.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(
                net(x[batch])[:, 0], targets[batch], weight=weights[batch]
            )
            loss.backward()
            adam.step()
    return net, x


@pytest.mark.parametrize("hidden", [(7,), (16, 8), (64, 64, 64)])
def test_gradients_equal_those_of_autograd(hidden):
    layout = Layout(5, hidden)
    networks = initial(layout, [1, 2, 3])
    inputs, errors = torch.randn(3, 11, 5), torch.randn(3, 11)
    activations = [torch.empty(3, 11, width) for width in hidden]
    deltas = alternating(torch.empty(2, 33 * max(hidden)), hidden, 3, 11)
    logits = torch.empty(3, 11)
    gradients = layout.layers(torch.empty(3, layout.size))
    layers = layout.layers(networks.parameters)
    forward(layers, inputs, activations, logits)
    backward(layers, gradients, inputs, activations, errors, deltas)
    for member in range(3):
        net = as_module(networks, member)
        expected = net(inputs[member])[:, 0]
        torch.testing.assert_close(logits[member], expected)
        (expected * errors[member]).sum().backward()
        linears = [part for part in net if isinstance(part, nn.Linear)]
        for linear, gradient in zip(linears, gradients, strict=True):
            torch.testing.assert_close(gradient.weight[member].mT, linear.weight.grad)
            torch.testing.assert_close(gradient.bias[member, 0], linear.bias.grad)


@each_engine
@pytest.mark.parametrize(
    "choice",
    [{}, {"weight_decay": 1e-2}, {"beta1": 0.8, "learning_rate": 5e-3}],
    ids=["default", "decay", "rates"],
)
@pytest.mark.parametrize("bins", [0, 5])
def test_training_equals_a_plain_torch_loop(choice, engine, bins):
    features, is_data = problem()
    settings = PackSettings(hidden=(32, 16), epochs=3, bins=bins)
    members = [
        MemberSettings(np.arange(700), seed=5, batch_size=64, **choice),
        MemberSettings(np.arange(100, 555), seed=6, batch_size=50, **choice),
    ]
    trained = last(train(features, is_data, members, settings, engine=engine))
    scores = trained.scores(features)
    for number, member in enumerate(members):
        net, x = plain_training(features, is_data, member, settings)
        expected = net(x)[:, 0].detach().numpy()
        np.testing.assert_allclose(scores[number, member.rows], expected, rtol=2e-3, atol=2e-4)


@each_engine
@pytest.mark.parametrize("batch_size", [64, 128, 1000, None])
@pytest.mark.parametrize("kept", [[0], [1], [2], [3, 4], [4, 2, 0], [1, 3]])
@pytest.mark.parametrize("bins", [0, 3])
def test_a_member_is_the_same_in_every_pack(kept, batch_size, bins, engine):
    features, is_data = problem()
    settings = PackSettings(hidden=(16, 16), epochs=3, bins=bins)
    members = different_members()
    if batch_size is not None:
        members = [replace(member, batch_size=batch_size) for member in members]
    together, some = (
        last(train(features, is_data, own, settings, engine=engine)).scores(features)
        for own in (members, [members[i] for i in kept])
    )
    agree(engine, some, together[kept])


@each_engine
@pytest.mark.parametrize("kept", [[0], [4, 1], [3, 2, 0], [0, 1, 2, 3, 4]])
def test_members_that_are_kept_go_on_as_if_nothing_had_happened(kept, engine):
    features, is_data = problem()
    settings = PackSettings(hidden=(16, 16), epochs=4)
    whole = last(train(features, is_data, different_members(), settings, engine=engine))
    training = train(features, is_data, different_members(), settings, engine=engine)
    next(training)
    training.keep(kept)
    next(training)
    training.keep([0])
    agree(engine, last(training).scores(features), whole.take(kept[:1]).scores(features))


@pytest.mark.parametrize("hidden", [(5,), (16, 16), (64, 64, 64), (40, 3, 17)])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("bins", [0, 1, 7])
def test_the_engines_agree(hidden, dropout, bins):
    if kernel() is None:
        pytest.skip("no kernel was built for this processor")
    features, is_data = problem()
    members = [replace(m, dropout=dropout) for m in different_members()]
    settings = PackSettings(hidden, epochs=3, bins=bins)
    native, eager = (
        last(train(features, is_data, members, settings, engine=name)).parameters
        for name in ENGINES
    )
    # Adam turns a gradient near zero into a step of its full size, whatever its sign: a rounding
    # may move a few weights, not the network.
    assert (native - eager).abs().median() < 1e-6
    assert (native - eager).abs().mean() < 1e-3 * eager.abs().mean()


def test_threads_change_nothing():
    features, is_data = problem()
    found = []
    for threads in (1, 3):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            training = train(features, is_data, different_members(), PackSettings(epochs=2))
            found.append(last(training).scores(features))
        finally:
            torch.set_num_threads(before)
    np.testing.assert_array_equal(*found)


def test_the_kernel_is_built_where_there_is_a_compiler():
    if which("cc") is None:
        pytest.skip("there is no compiler here")
    assert kernel() is not None


def test_without_a_kernel_networks_are_trained_in_torch_and_the_log_says_so(monkeypatch, caplog):
    monkeypatch.setattr("raysearch.training.kernel.find_spec", lambda name: None)
    kernel.cache_clear()
    try:
        features, is_data = problem()
        last(train(features, is_data, different_members(), PackSettings(epochs=1)))
        assert "no compiled kernel" in caplog.text
        with pytest.raises(InputError, match="needs the compiled kernel"):
            train(features, is_data, different_members(), PackSettings(), engine="native")
    finally:
        kernel.cache_clear()


def test_an_unknown_engine_is_refused():
    features, is_data = problem()
    with pytest.raises(InputError, match="did you mean 'native'"):
        train(features, is_data, different_members(), PackSettings(), engine="nativ")


@each_engine
@pytest.mark.parametrize("rows", [[-1, 3], [5, 700]])
def test_rows_beyond_the_table_are_refused(rows, engine):
    features, is_data = problem()
    with pytest.raises(InputError, match="`0 <= row < 700` must hold"):
        train(
            features,
            is_data,
            [MemberSettings(np.array(rows), seed=0)],
            PackSettings(),
            engine=engine,
        )


@each_engine
def test_seeds_differ(engine):
    features, is_data = problem()
    members = [MemberSettings(np.arange(700), seed=seed) for seed in (1, 2, 1, 1 + (1 << 32))]
    scores = next(train(features, is_data, members, PackSettings(epochs=1), engine=engine)).scores(
        features
    )
    np.testing.assert_allclose(scores[0], scores[2], rtol=1e-4, atol=1e-5)
    assert np.abs(scores[0] - scores[1]).max() > 0.01
    assert np.abs(scores[0] - scores[3]).max() > 0.01


def test_input_that_cannot_train():
    features, is_data = problem()
    one_class = MemberSettings(np.flatnonzero(is_data), seed=0)
    with pytest.raises(InputError, match="must hold data and template"):
        next(train(features, is_data, [one_class], PackSettings()))
    with pytest.raises(InputError, match="at least one member"):
        next(train(features, is_data, [], PackSettings()))
    with pytest.raises(ValueError, match="at least one unit"):
        Layout(0, (64,))
    with pytest.raises(ValueError, match="no negative bins"):
        Layout(3, (64,), bins=-1)
    with pytest.raises(InputError, match="hidden layers >= 1"):
        PackSettings(hidden=())
    with pytest.raises(InputError, match="`bins >= 0` must hold, but got -1"):
        PackSettings(bins=-1)
