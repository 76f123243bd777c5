"""CATHODE: what trains the density, what it is sampled at, and what is refused."""

import numpy as np
import pytest
from toys import QUICK_CATHODE, toy_events

from raysearch.backgrounds import Cathode
from raysearch.density import CathodeSettings, Conduct
from raysearch.errors import InputError
from raysearch.regions import SIGNAL_REGION, Window
from raysearch.samples import Pools


def pools_of(events):
    return Pools(events.without_labels(), events.labels, None, None)


def classes(events, settings=QUICK_CATHODE, seed=0, region=SIGNAL_REGION, **given):
    return Cathode(settings, seed, **given).classes(pools_of(events), region, 0.2)


@pytest.fixture(scope="module")
def events():
    return toy_events(4000, 300)


def test_the_template_is_oversampled_at_masses_of_the_region(events):
    made = classes(events)
    assert len(made.template) == 4 * len(made.data)
    assert SIGNAL_REGION.contains(made.template.mjj_tev).all()
    # The spectrum is flat: the mean of so many masses is 3.5 within a few thousandths.
    assert made.template.mjj_tev.mean() == pytest.approx(made.data.mjj_tev.mean(), abs=0.01)
    parameters = QUICK_CATHODE.parameters
    once = classes(events, CathodeSettings("maf", parameters, oversampling=1))
    assert len(once.template) == len(once.data)


def test_the_signal_region_never_trains_the_density(events):
    inside = SIGNAL_REGION.contains(events.mjj_tev)
    features = events.features.copy()
    features[inside, 1:] = 50.0
    changed = type(events)(features, events.columns, events.units, events.mjj_tev, events.labels)
    np.testing.assert_array_equal(
        classes(events).template.features, classes(changed).template.features
    )


def test_the_tail_of_the_signal_trains_it_and_labels_do_not(events):
    flipped = type(events)(
        events.features, events.columns, events.units, events.mjj_tev, ~events.labels
    )
    np.testing.assert_array_equal(
        classes(events).template.features, classes(flipped).template.features
    )
    background_only = classes(events.take(~events.labels))
    assert len(background_only.generated.held_out) < len(classes(events).generated.held_out)


def test_only_the_stated_range_trains_it(events):
    settings = CathodeSettings("maf", QUICK_CATHODE.parameters, range_tev=(3.1, 3.9))
    made = classes(events, settings).generated
    assert made.held_out.mjj_tev.min() >= np.float32(3.1)
    assert made.held_out.mjj_tev.max() < 3.9


def test_held_out_events_are_a_fifth_of_the_sidebands(events):
    n_outside = np.count_nonzero(~SIGNAL_REGION.contains(events.mjj_tev))
    made = classes(events).generated
    assert len(made.held_out) == pytest.approx(n_outside / 5, abs=1)
    assert made.about["training_events"] == pytest.approx(0.6 * n_outside, abs=1)


def test_equal_seeds_give_equal_templates(events):
    first, again, other = (classes(events, seed=s).template for s in (3, 3, 4))
    np.testing.assert_array_equal(first.features, again.features)
    assert len(other) == len(first)
    assert (other.features != first.features).any()


def test_it_says_what_it_trains_on(events):
    said = []
    classes(events, conduct=Conduct(said.append))
    assert said[0].startswith("training the density (maf) on 1")


@pytest.mark.parametrize(("region", "name"), [((3.05, 3.7), "below"), ((3.3, 3.95), "above")])
def test_a_thin_sideband_is_refused_with_both_numbers(region, name, events):
    window = Window(*region)
    side = events.mjj_tev < region[0] if name == "below" else events.mjj_tev >= region[1]
    n = np.count_nonzero(side)
    message = rf"at least 500 data events in each sideband, but the one {name} .* has {n};"
    with pytest.raises(InputError, match=message):
        classes(events, region=window)


def test_an_empty_region_is_refused(events):
    outside = events.take(~SIGNAL_REGION.contains(events.mjj_tev))
    with pytest.raises(InputError, match=r"none has 3\.3 <= mjj < 3\.7 TeV"):
        classes(outside)
