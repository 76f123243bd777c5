"""Division of the user's events: disjoint, seeded, and blind to labels where it must be."""

import numpy as np
import pytest
from toys import ids, quick_background, toy_events

from raysearch.backgrounds import BACKGROUNDS, background, divide, two_sample
from raysearch.errors import InputError
from raysearch.events import concatenate, shared_rows
from raysearch.regions import SIGNAL_REGION, Window, sidebands


def divided(events, mode="idealised", template=None, test=None, n_signal=None, seed=0, **aside):
    return divide(events, template, test, background(mode), SIGNAL_REGION, n_signal, seed, **aside)


def sampled(events, mode="idealised", **given):
    return two_sample(quick_background(mode), divided(events, mode, **given), SIGNAL_REGION, 0.2)


@pytest.fixture(scope="module")
def events():
    return toy_events()


@pytest.fixture(scope="module")
def template():
    return toy_events(600, 0, seed=1, first_id=10_000, low=3.3, high=3.7)


@pytest.fixture(scope="module")
def test_events():
    return toy_events(500, 200, seed=2, first_id=20_000)


@pytest.mark.parametrize("mode", BACKGROUNDS)
@pytest.mark.parametrize("with_template", [False, True])
@pytest.mark.parametrize("with_test", [False, True])
def test_data_template_and_test_are_disjoint(
    mode, with_template, with_test, events, template, test_events
):
    given = {"template": template if with_template else None}
    given["test"] = test_events if with_test else None
    pools = divided(events, mode, n_signal=100, **given)
    parts = [p for p in (pools.data, pools.template, pools.test) if p is not None]
    numbers = [ids(part.features) for part in parts]
    assert sum(map(len, numbers)) == len(set.union(*numbers)) == sum(map(len, parts))
    assert all(shared_rows(a, b) == 0 for a in parts for b in parts if a is not b)


@pytest.mark.parametrize("mode", BACKGROUNDS)
def test_no_event_is_lost_in_a_labelled_file(mode, events):
    pools = divided(events, mode, n_signal=100)
    used = ids(pools.data.features) | ids(pools.test.features)
    used |= set() if pools.template is None else ids(pools.template.features)
    inside = SIGNAL_REGION.contains(events.mjj_tev)
    assert used >= ids(events.features[inside])
    # Outside the region only test events are dropped.
    assert len(events) - len(used) < len(events) / 3


@pytest.mark.parametrize("mode", BACKGROUNDS)
@pytest.mark.parametrize("n_signal", [0, 1, 150, 300])
def test_exactly_as_many_signal_events_are_injected_as_asked(mode, n_signal, events):
    pools = divided(events, mode, n_signal=n_signal)
    assert np.count_nonzero(pools.truth) == n_signal
    signal = ids(events.features[events.labels])
    assert ids(pools.data.features[pools.truth]) <= signal
    assert not ids(pools.data.features[~pools.truth]) & signal


def test_signal_that_is_not_injected_serves_the_test_only(events):
    pools = divided(events, n_signal=100)
    signal = events.take(events.labels)
    spare = ids(signal.features) - ids(pools.data.features)
    inside = ids(signal.features[SIGNAL_REGION.contains(signal.mjj_tev)])
    assert ids(pools.test.features[pools.test.labels]) == spare & inside
    assert not ids(pools.template.features) & ids(signal.features)


@pytest.mark.parametrize(("pool", "expected"), [(300, 300), (1400, 1000)])
def test_by_default_1000_signal_events_are_injected_or_all(pool, expected):
    pools = divided(toy_events(1000, pool))
    assert np.count_nonzero(pools.truth) == expected


def test_test_and_template_lie_in_the_signal_region(events, test_events):
    for pools in (divided(events, n_signal=50), divided(events, test=test_events)):
        assert SIGNAL_REGION.contains(pools.test.mjj_tev).all()
        assert SIGNAL_REGION.contains(pools.template.mjj_tev).all()


def test_half_of_the_regions_background_is_the_template(events):
    pools = divided(events, n_signal=0)
    n_data = np.count_nonzero(SIGNAL_REGION.contains(pools.data.mjj_tev))
    assert abs(n_data - len(pools.template)) <= 1


def test_a_sixth_of_the_background_is_set_aside_for_the_test(events):
    pools = divided(events, "cwola", n_signal=0)
    assert len(pools.data) == 4000 - round(4000 / 6)


def test_pools_carry_labels_where_only_the_supervised_metric_looks(events, template):
    pools = divided(events, template=template)
    assert pools.data.labels is None
    assert pools.template.labels is None
    assert pools.test.labels is not None


def test_labelled_signal_of_a_template_is_dropped(events):
    template = toy_events(500, 80, seed=1, first_id=10_000, low=3.3, high=3.7)
    pools = divided(events, template=template)
    assert len(pools.template) == 500
    assert not ids(pools.template.features) & ids(template.features[template.labels])


def test_equal_seeds_give_equal_pools_and_others_differ(events):
    first, again, other = (divided(events, n_signal=100, seed=s) for s in (3, 3, 4))
    for name in ("data", "template", "test"):
        part = getattr(first, name)
        np.testing.assert_array_equal(part.features, getattr(again, name).features)
        assert ids(part.features) != ids(getattr(other, name).features)
    np.testing.assert_array_equal(first.truth, again.truth)
    assert ids(first.data.features[first.truth]) != ids(other.data.features[other.truth])


def test_the_injection_does_not_move_the_background(events):
    few, many = divided(events, n_signal=10), divided(events, n_signal=200)
    assert ids(few.template.features) == ids(many.template.features)
    assert ids(few.data.features[~few.truth]) == ids(many.data.features[~many.truth])


def test_the_order_of_the_rows_does_not_tell_the_signal(events):
    truth = divided(events, n_signal=300).truth
    places = np.flatnonzero(truth) / len(truth)
    # The mean of 300 flat numbers is .5 +- .017.
    assert np.mean(places) == pytest.approx(0.5, abs=0.07)
    assert np.count_nonzero(truth[:-1] & truth[1:]) < 60


@pytest.mark.parametrize("mode", ["idealised", "cwola"])
def test_swapping_labels_within_the_data_leaves_unsupervised_rows_alone(mode, events):
    pools = divided(events, mode, n_signal=100)
    shuffled = type(pools)(pools.data, pools.truth[::-1], pools.template, pools.test)
    rows, other = (
        two_sample(background(mode), p, SIGNAL_REGION, 0.2).rows for p in (pools, shuffled)
    )
    np.testing.assert_array_equal(rows.features, other.features)
    np.testing.assert_array_equal(rows.is_data, other.is_data)


@pytest.mark.parametrize("mode", BACKGROUNDS)
def test_labels_of_a_given_test_do_not_touch_the_rows(mode, events, test_events):
    flipped = type(test_events)(
        test_events.features,
        test_events.columns,
        test_events.units,
        test_events.mjj_tev,
        ~test_events.labels,
    )
    rows, other = (sampled(events, mode, test=test).rows for test in (test_events, flipped))
    np.testing.assert_array_equal(rows.features, other.features)


def test_a_file_without_labels_works_with_cwola(events):
    sample = sampled(events.without_labels(), "cwola")
    assert sample.test is None
    assert sample.test_is_signal is None
    assert np.count_nonzero(sample.rows.is_data) == np.count_nonzero(
        SIGNAL_REGION.contains(events.mjj_tev)
    )


def test_a_file_without_labels_works_with_a_template(events, template, test_events):
    sample = sampled(events.without_labels(), template=template, test=test_events)
    assert np.count_nonzero(~sample.rows.is_data) == len(template)
    assert sample.test_is_signal.sum() > 0


def test_a_file_without_labels_may_say_that_nothing_is_injected(events):
    assert divided(events.without_labels(), "cwola", n_signal=0).truth is None


def test_idealised_without_labels_asks_for_a_template(events):
    with pytest.raises(InputError, match="give --template FILE or use --mode cwola"):
        sampled(events.without_labels())


def test_supervised_without_labels_is_refused(events):
    with pytest.raises(InputError, match="'supervised' needs labelled events"):
        sampled(events.without_labels(), "supervised")


@pytest.mark.parametrize("n_signal", [-1, 301, 10**6])
def test_more_signal_than_the_file_holds_is_refused_with_both_numbers(n_signal, events):
    with pytest.raises(InputError, match=rf"n_signal = {n_signal} and a file with 300 signal"):
        divided(events, n_signal=n_signal)


def test_signal_cannot_be_injected_from_a_file_without_labels(events):
    with pytest.raises(InputError, match="n_signal = 5 and events without labels"):
        divided(events.without_labels(), "cwola", n_signal=5)


def test_test_events_without_labels_are_refused(events, test_events):
    with pytest.raises(InputError, match="test events must be labelled"):
        divided(events, test=test_events.without_labels())


@pytest.mark.parametrize("role", ["template", "test"])
def test_files_that_share_events_are_refused_with_their_number(role, events, template):
    overlapping = concatenate([toy_events(500, 5, first_id=50_000), events.take(np.arange(7))])
    with pytest.raises(InputError, match=rf"events and {role} must not share events, but 7 of"):
        divided(events, **{role: overlapping})


def test_template_and_test_that_share_events_are_refused(events, template, test_events):
    test = concatenate([test_events, toy_events(600, 0, 1, True, 10_000, 3.3, 3.7)])
    with pytest.raises(InputError, match="template and test must not share events, but 600"):
        divided(events, template=template, test=test)


def test_files_of_different_columns_are_refused(events, template):
    renamed = type(template)(template.features, tuple("abcd"), template.units, template.mjj_tev)
    with pytest.raises(InputError, match="events and template must have the same columns"):
        divided(events, template=renamed)


def test_an_empty_signal_region_is_refused_with_its_edges(events):
    window = Window(4.5, 5.0)
    pools = divide(events, None, None, background("cwola"), window, 0, 0)
    with pytest.raises(InputError, match=r"none has 4\.5 <= mjj < 5\.0 TeV"):
        two_sample(background("cwola"), pools, window, 0.2)


@pytest.mark.parametrize("n_template", [0, 1, 99])
def test_a_template_of_fewer_than_100_events_is_refused(n_template, events, template):
    with pytest.raises(InputError, match=f"template must hold at least 100 .* got {n_template};"):
        sampled(events, template=template.take(np.arange(n_template)))


def test_a_template_of_100_events_is_enough(events, template):
    sample = sampled(events, template=template.take(np.arange(100)))
    assert np.count_nonzero(~sample.rows.is_data) == 100


def test_cwola_takes_the_short_sidebands_of_the_same_data(events):
    pools = divided(events, "cwola")
    sample = sampled(events, "cwola")
    template = sample.mjj_tev[~sample.rows.is_data]
    low, high = sidebands(SIGNAL_REGION, 0.2)
    assert (low.contains(template) | high.contains(template)).all()
    near = low.contains(pools.data.mjj_tev) | high.contains(pools.data.mjj_tev)
    assert len(template) == np.count_nonzero(near)


def test_supervised_separates_injected_signal_from_all_background(events, template):
    pools = divided(events, "supervised", template=template, n_signal=300)
    sample = sampled(events, "supervised", template=template, n_signal=300)
    inside = SIGNAL_REGION.contains(pools.data.mjj_tev)
    data = sample.rows.features[sample.rows.is_data]
    assert ids(data) == ids(pools.data.features[pools.truth & inside])
    background_ids = ids(pools.data.features[~pools.truth & inside]) | ids(template.features)
    assert ids(sample.rows.features[~sample.rows.is_data]) == background_ids


def test_with_the_share_set_aside_the_data_of_all_modes_are_the_same(events):
    pools = {mode: divided(events, mode, n_signal=100, aside=True) for mode in BACKGROUNDS}
    wanted = ids(pools["idealised"].data.features)
    assert all(ids(of_mode.data.features) == wanted for of_mode in pools.values())
    assert pools["cwola"].template is pools["cathode"].template is None
    assert ids(pools["supervised"].template.features) == ids(pools["idealised"].template.features)


def test_a_given_template_is_no_reason_to_set_a_share_aside(events, template):
    plain, aside = (divided(events, template=template, aside=a) for a in (False, True))
    assert ids(plain.data.features) == ids(aside.data.features)
