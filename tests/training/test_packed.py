"""The packed trainer against plain torch, and its members against each other."""

from dataclasses import replace
from shutil import which

import numpy as np
import pytest
import torch
from torch import nn

from raysearch.errors import InputError
from raysearch.training.adam import Adam
from raysearch.training.batches import Batches, Table
from raysearch.training.kernel import kernel
from raysearch.training.layout import Layout
from raysearch.training.networks import Networks, merge
from raysearch.training.packed import ENGINES, train
from raysearch.training.passes import alternating, backward, forward
from raysearch.training.settings import MemberSettings, PackSettings
from raysearch.training.streams import member_generator as generator

CPU = torch.device("cpu")


@pytest.fixture(params=ENGINES)
def engine(request):
    if request.param == "native" and kernel() is None:
        pytest.skip("no kernel was built for this processor")
    return request.param


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


@pytest.mark.parametrize("bins", [0, 6])
def test_compiled_scores_equal_those_of_torch(bins):
    features, is_data = problem()
    settings = PackSettings(epochs=2, bins=bins)
    trained = last(train(features, is_data, different_members(), settings))
    np.testing.assert_allclose(
        trained.scores(features), trained.logits(features).numpy(), rtol=1e-4, atol=1e-5
    )


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


def test_seeds_differ(engine):
    features, is_data = problem()
    members = [MemberSettings(np.arange(700), seed=seed) for seed in (1, 2, 1, 1 + (1 << 32))]
    scores = next(train(features, is_data, members, PackSettings(epochs=1), engine=engine)).scores(
        features
    )
    np.testing.assert_allclose(scores[0], scores[2], rtol=1e-4, atol=1e-5)
    assert np.abs(scores[0] - scores[1]).max() > 0.01
    assert np.abs(scores[0] - scores[3]).max() > 0.01


def test_global_state_is_left_alone(engine):
    features, is_data = problem()
    before = torch.get_rng_state(), torch.get_default_dtype(), torch.is_inference_mode_enabled()
    member = MemberSettings(np.arange(700), seed=1, dropout=0.2)
    for _ in train(features, is_data, [member], PackSettings(epochs=2), engine=engine):
        assert not torch.is_inference_mode_enabled()
        assert torch.is_grad_enabled()
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == torch.get_default_dtype()


def test_an_earlier_epoch_is_a_copy(engine):
    features, is_data = problem()
    member = MemberSettings(np.arange(700), seed=1)
    epochs = train(features, is_data, [member], PackSettings(epochs=2), engine=engine)
    first = next(epochs)
    before = first.scores(features)
    second = next(epochs)
    np.testing.assert_array_equal(before, first.scores(features))
    assert not np.array_equal(before, second.scores(features))


def test_scores_survive_a_large_mean_and_a_constant(engine):
    features, is_data = problem()
    shifted = features.copy()
    shifted[:, 1] += 4096
    shifted[:, 2] = 1e6 / 3
    features[:, 2] = 0
    member = MemberSettings(np.arange(700), seed=1)
    plain, moved = (
        next(train(table, is_data, [member], PackSettings(epochs=1), engine=engine)).scores(table)
        for table in (features, shifted)
    )
    np.testing.assert_allclose(plain, moved, atol=2e-3)


@pytest.mark.parametrize("bins", [0, 6])
def test_scores_of_shared_and_own_events_agree(bins):
    features, is_data = problem()
    members = different_members()
    trained = next(train(features, is_data, members, PackSettings(epochs=1, bins=bins)))
    shared = trained.scores(features)
    own = trained.scores(np.repeat(features[None], len(members), axis=0))
    assert shared.shape == (5, 700)
    assert shared.dtype == np.float32
    np.testing.assert_allclose(shared, own, rtol=1e-5, atol=1e-6)
    with pytest.raises(InputError, match=r"\(n, 4\) or \(5, n, 4\), but got \(700, 3\)"):
        trained.scores(features[:, :3])


def test_merged_members_stand_in_order():
    features, is_data = problem()
    member = MemberSettings(np.arange(700), seed=1)
    parts = list(train(features, is_data, [member, member], PackSettings(epochs=2)))
    expected = np.concatenate([part.scores(features) for part in parts])
    np.testing.assert_allclose(merge(parts).scores(features), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="share one layout"):
        merge([])


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


def test_a_network_that_diverges_does_not_look_finite(engine):
    features, is_data = problem()
    member = MemberSettings(np.arange(700), seed=1, learning_rate=1e30)
    trained = last(train(features, is_data, [member], PackSettings(epochs=2), engine=engine))
    assert not np.isfinite(trained.scores(features)).any()
