"""What every background mode owes."""

import numpy as np
import pytest
from toys import ids, quick_background, toy_events

from raysearch.backgrounds import BACKGROUNDS, background, divide, two_sample
from raysearch.errors import InputError
from raysearch.regions import SIGNAL_REGION


@pytest.fixture(scope="module")
def pools():
    events = toy_events(4000, 400)
    return {
        mode: divide(events, None, None, background(mode), SIGNAL_REGION, 300, 1)
        for mode in BACKGROUNDS
    }


@pytest.fixture(scope="module")
def samples(pools):
    return {m: two_sample(quick_background(m), p, SIGNAL_REGION, 0.2) for m, p in pools.items()}


@pytest.mark.parametrize("mode", BACKGROUNDS)
class TestBackground:
    def test_it_is_found_by_its_name(self, mode):
        assert background(mode).name == mode
        with pytest.raises(InputError, match=f"did you mean '{mode}'"):
            background(mode[:-1])

    def test_data_rows_stand_first_and_lie_in_the_region(self, mode, samples):
        is_data = samples[mode].rows.is_data
        assert (np.diff(is_data.astype(int)) <= 0).all()
        assert SIGNAL_REGION.contains(samples[mode].mjj_tev[is_data]).all()

    def test_shapes_agree(self, mode, samples):
        sample = samples[mode]
        n, d = sample.rows.features.shape
        assert len(sample.rows.is_data) == len(sample.mjj_tev) == n
        assert len(sample.columns) == d == sample.test.shape[1]
        assert len(sample.test) == len(sample.test_is_signal) == len(sample.test_mjj_tev)

    def test_no_event_stands_in_two_places(self, mode, samples):
        sample = samples[mode]
        is_data = sample.rows.is_data
        parts = [sample.rows.features[is_data], sample.test]
        if not background(mode).generates:
            parts.append(sample.rows.features[~is_data])
        assert len(set.union(*map(ids, parts))) == sum(map(len, parts))

    def test_its_template_holds_no_injected_signal_of_the_region(self, mode, pools, samples):
        injected = ids(pools[mode].data.features[pools[mode].truth])
        if background(mode).generates:
            pytest.skip("no event of its template is one of the data")
        template = samples[mode].rows.features[~samples[mode].rows.is_data]
        masses = samples[mode].mjj_tev[~samples[mode].rows.is_data]
        assert not ids(template[SIGNAL_REGION.contains(masses)]) & injected

    def test_all_injected_signal_of_the_region_is_data(self, mode, pools, samples):
        data, truth = pools[mode].data, pools[mode].truth
        inside = SIGNAL_REGION.contains(data.mjj_tev)
        rows = samples[mode].rows
        assert ids(data.features[truth & inside]) <= ids(rows.features[rows.is_data])

    def test_it_reads_truth_only_if_it_says_so(self, mode, pools):
        hidden = type(pools[mode])(pools[mode].data, None, pools[mode].template, None)
        if background(mode).needs_truth:
            with pytest.raises(InputError, match="needs labelled events"):
                two_sample(background(mode), hidden, SIGNAL_REGION, 0.2)
        else:
            two_sample(quick_background(mode), hidden, SIGNAL_REGION, 0.2)

    def test_it_takes_a_template_or_refuses_it_with_the_remedy(self, mode, pools):
        template = toy_events(600, 0, 1, True, 10_000, 3.3, 3.7).without_labels()
        given = type(pools[mode])(pools[mode].data, pools[mode].truth, template, None)
        if background(mode).takes_template:
            rows = two_sample(background(mode), given, SIGNAL_REGION, 0.2).rows
            assert ids(template.features) <= ids(rows.features[~rows.is_data])
        else:
            with pytest.raises(InputError, match="leave --template out"):
                two_sample(background(mode), given, SIGNAL_REGION, 0.2)

    def test_it_says_how_a_generated_template_was_made(self, mode, pools):
        if not background(mode).generates:
            pytest.skip("its template is taken from the pools")
        made = quick_background(mode).classes(pools[mode], SIGNAL_REGION, 0.2).generated
        np.testing.assert_array_equal(made.samples.mjj_tev, made.held_out.mjj_tev)
        assert not SIGNAL_REGION.contains(made.held_out.mjj_tev).any()
