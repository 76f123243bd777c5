"""The difference of two scores' excess, and that its error is that of other events."""

import numpy as np
import pytest

from raysearch.resampling import ScoredRows, difference

N = 2000


def scored(rng, strength, template="one"):
    """Scores of data with 5% signal, which lies so many standard deviations higher."""
    signal = np.arange(N) < N // 20
    return ScoredRows(
        rng.normal(size=N) + strength * signal, rng.normal(size=N), template_name=template
    )


def test_a_score_differs_from_itself_by_nothing():
    one = scored(np.random.default_rng(1), 3.0)
    assert difference(one, one, seed=1) == (0.0, 0.0)


def test_the_better_score_has_the_larger_excess_whichever_comes_first():
    rng = np.random.default_rng(2)
    better, worse = scored(rng, 4.0), scored(rng, 0.5)
    more, error = difference(better, worse, seed=1)
    assert more == pytest.approx(better.cross_sic() - worse.cross_sic())
    assert more > 3 * error > 0
    assert difference(worse, better, seed=1)[0] == -more


def test_equal_seeds_draw_alike():
    rng = np.random.default_rng(3)
    one, other = scored(rng, 3.0), scored(rng, 2.0)
    assert difference(one, other, seed=4) == difference(one, other, seed=4)
    assert difference(one, other, seed=4) != difference(one, other, seed=5)


def test_a_shared_template_is_drawn_as_one():
    rng = np.random.default_rng(4)
    one = scored(rng, 3.0)
    alike = ScoredRows(one.data + 0.01 * rng.normal(size=N), one.template, "one")
    other = ScoredRows(alike.data, alike.template, "another")
    assert difference(one, alike, seed=1)[1] < 0.5 * difference(one, other, seed=1)[1]


def test_the_error_is_the_spread_over_other_events():
    """Against 40 independent pairs of samples."""
    rng = np.random.default_rng(5)
    found = np.array([difference(scored(rng, 3.0), scored(rng, 2.0), seed=1) for _ in range(40)])
    assert np.mean(found[:, 1]) == pytest.approx(np.std(found[:, 0], ddof=1), rel=0.35)


def test_other_data_cannot_be_compared():
    one = scored(np.random.default_rng(6), 3.0)
    with pytest.raises(ValueError, match="the data must be the same"):
        difference(one, one._replace(data=one.data[1:]), seed=1)
