"""The difference of two scores' excess, and that its error is that of other events."""

import numpy as np
import pytest

from raysearch.excess import cross_sic
from raysearch.resampling import difference

N = 2000


def scored(rng, strength, like=None, share=0.8):
    """Scores of data with 5% signal, so many standard deviations higher, and of a template.

    With `like` they agree with another detector's on the same events but for noise of their own.
    """
    signal = np.arange(N) < N // 20
    noise = [rng.normal(size=N), rng.normal(size=N)]
    if like is not None:
        noise = [
            share * other + np.sqrt(1 - share**2) * own
            for own, other in zip(noise, like, strict=True)
        ]
    return noise[0] + strength * signal, noise[1]


def noise_of(found, strength):
    """The scores without the signal's."""
    return found[0] - strength * (np.arange(N) < N // 20), found[1]


def excess(found):
    return cross_sic(np.arange(2 * N) < N, np.concatenate(found))


def test_a_score_differs_from_itself_by_nothing():
    one = scored(np.random.default_rng(1), 3.0)
    assert difference(one, one, True, seed=1) == (0.0, 0.0)


def test_the_better_score_has_the_larger_excess_whichever_comes_first():
    rng = np.random.default_rng(2)
    better, worse = scored(rng, 4.0), scored(rng, 0.5)
    more, error = difference(better, worse, True, seed=1)
    assert more == pytest.approx(excess(better) - excess(worse))
    assert more > 3 * error > 0
    assert difference(worse, better, True, seed=1)[0] == -more


def test_equal_seeds_draw_alike():
    rng = np.random.default_rng(3)
    one, other = scored(rng, 3.0), scored(rng, 2.0)
    assert difference(one, other, True, seed=4) == difference(one, other, True, seed=4)
    assert difference(one, other, True, seed=4) != difference(one, other, True, seed=5)


def test_a_shared_template_is_drawn_as_one():
    rng = np.random.default_rng(4)
    one = scored(rng, 3.0)
    alike = one[0] + 0.01 * rng.normal(size=N), one[1]
    shared, apart = (difference(one, alike, shares, seed=1)[1] for shares in (True, False))
    assert shared < 0.5 * apart


def test_the_error_is_the_spread_over_other_events():
    """Against 40 independent samples, scored by two detectors that mostly agree."""
    rng, found = np.random.default_rng(5), []
    for _ in range(40):
        one = scored(rng, 3.0)
        other = scored(rng, 2.5, like=noise_of(one, 3.0))
        found.append(difference(one, other, True, seed=1))
    values, errors = np.transpose(found)
    assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.35)


@pytest.mark.parametrize("shares", [True, False])
def test_other_events_cannot_be_compared(shares):
    one = scored(np.random.default_rng(6), 3.0)
    with pytest.raises(ValueError, match="the events must be the same"):
        difference(one, (one[0][1:], one[1]), shares, seed=1)
    fewer = one[0], one[1][1:]
    if not shares:
        assert difference(one, fewer, shares, seed=1)[1] > 0
        return
    with pytest.raises(ValueError, match="the events must be the same"):
        difference(one, fewer, shares, seed=1)
