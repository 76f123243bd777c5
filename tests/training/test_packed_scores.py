"""What the networks of a pack are to whoever holds them: scores, copies, merged ones."""

import numpy as np
import pytest
import torch
from packs import different_members, each_engine, last, problem

from raysearch.errors import InputError
from raysearch.training.networks import merge
from raysearch.training.packed import train
from raysearch.training.settings import MemberSettings, PackSettings


@pytest.mark.parametrize("bins", [0, 6])
def test_compiled_scores_equal_those_of_torch(bins):
    features, is_data = problem()
    settings = PackSettings(epochs=2, bins=bins)
    trained = last(train(features, is_data, different_members(), settings))
    np.testing.assert_allclose(
        trained.scores(features), trained.logits(features).numpy(), rtol=1e-4, atol=1e-5
    )


@each_engine
def test_global_state_is_left_alone(engine):
    features, is_data = problem()
    before = torch.get_rng_state(), torch.get_default_dtype(), torch.is_inference_mode_enabled()
    member = MemberSettings(np.arange(700), seed=1, dropout=0.2)
    for _ in train(features, is_data, [member], PackSettings(epochs=2), engine=engine):
        assert not torch.is_inference_mode_enabled()
        assert torch.is_grad_enabled()
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == torch.get_default_dtype()


@each_engine
def test_an_earlier_epoch_is_a_copy(engine):
    features, is_data = problem()
    member = MemberSettings(np.arange(700), seed=1)
    epochs = train(features, is_data, [member], PackSettings(epochs=2), engine=engine)
    first = next(epochs)
    before = first.scores(features)
    second = next(epochs)
    np.testing.assert_array_equal(before, first.scores(features))
    assert not np.array_equal(before, second.scores(features))


@each_engine
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


@each_engine
def test_a_network_that_diverges_does_not_look_finite(engine):
    features, is_data = problem()
    member = MemberSettings(np.arange(700), seed=1, learning_rate=1e30)
    trained = last(train(features, is_data, [member], PackSettings(epochs=2), engine=engine))
    assert not np.isfinite(trained.scores(features)).any()
