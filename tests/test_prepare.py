"""From inputs and settings to the samples of a study."""

import numpy as np
import pytest
from toys import QUICK_CATHODE, VIEW, ids, toy_events

from raysearch.density import Conduct
from raysearch.errors import InputError
from raysearch.events.surrogate import log_likelihood_ratio, surrogate_events
from raysearch.inputs import Inputs, read_inputs
from raysearch.prepare import prepare, prepare_study
from raysearch.refit import final_members
from raysearch.regions import SIGNAL_REGION
from raysearch.samples import View
from raysearch.settings import Settings
from raysearch.trial import halves
from raysearch.verdict import verdict_members

WINDOW = (3.3, 3.7)


def prepared(events, template=None, test=None, mode="idealised", features="baseline", **settings):
    asked = Settings(mode=(mode,), features=(features,), **settings)
    return prepare(Inputs(events, template, test), asked, *asked.views)


def optimal(*inputs, surrogate=True, **settings):
    return prepare_study(Inputs(*inputs, surrogate), Settings(**settings)).optimal


def test_the_counts_are_those_of_the_sample():
    events = toy_events()
    done = prepared(events, n_signal=120)
    rows, truth = done.sample.rows, done.sample.test_is_signal
    inside = SIGNAL_REGION.contains(events.mjj_tev)
    assert done.counts["data"] + done.counts["template"] == len(rows.is_data)
    assert done.counts["data"] == rows.is_data.sum()
    assert done.counts["injected"] == 120
    assert done.counts["test_signal"] == truth.sum()
    assert done.counts["test_background"] == (~truth).sum()
    assert done.counts["injected_in_signal_region"] + truth.sum() == (events.labels & inside).sum()


def test_without_labels_nothing_is_said_of_injection_or_test():
    done = prepared(toy_events(labels=False), mode="cwola")
    assert set(done.counts) == {"data", "template", "verdict"}
    assert done.sample.test is None


@pytest.mark.parametrize("mode", ["idealised", "cwola", "cathode"])
def test_the_stated_share_of_either_class_is_set_aside_again_and_again(mode):
    first, again = (prepared(toy_events(), mode=mode, cathode=QUICK_CATHODE) for _ in range(2))
    sample = first.sample
    np.testing.assert_array_equal(sample.verdict, again.sample.verdict)
    is_data = sample.rows.is_data
    assert is_data[sample.verdict].sum() == round(0.2 * int(is_data.sum()))
    assert (~is_data[sample.verdict]).sum() == round(0.2 * int((~is_data).sum()))
    assert first.counts["verdict"] == len(sample.verdict)
    assert not np.isin(sample.verdict, sample.deciding).any()


def test_true_labels_are_asked_nothing_and_lose_no_rows():
    supervised, all_choose = (
        prepared(toy_events(), mode="supervised", verdict_share=share) for share in (0.2, 0.0)
    )
    assert not len(supervised.sample.verdict)
    assert supervised.counts == all_choose.counts
    assert supervised.sample.rows.is_data.sum() == supervised.counts["injected_in_signal_region"]


def test_with_a_share_of_0_all_rows_choose():
    done = prepared(toy_events(), verdict_share=0.0)
    assert len(done.sample.deciding) == len(done.sample.mjj_tev)
    assert "verdict" not in done.counts


@pytest.mark.parametrize("events", [toy_events(labels=False), toy_events(4000, 0)])
def test_a_supervised_objective_without_labelled_signal_is_refused(events):
    with pytest.raises(InputError, match=r"'max_sic' needs labelled test events .* than 25 back"):
        prepared(events, mode="cwola", objective="max_sic")


def test_with_all_signal_injected_there_is_no_supervised_metric():
    done = prepared(toy_events(4000, 300), n_signal=300)
    assert done.sample.test is None


@pytest.mark.parametrize(("n_background", "usable"), [(25, False), (26, True)])
def test_a_test_needs_more_than_25_background_events(n_background, usable):
    test = toy_events(n_background, 50, seed=5, first_id=50_000, low=3.3, high=3.7)
    done = prepared(toy_events(), test=test)
    assert (done.sample.test is not None) == usable


def test_the_optimal_score_is_the_exact_likelihood_ratio_of_the_test():
    events = surrogate_events(8000, 600, 1)
    template, test = surrogate_events(500, 0, 2, WINDOW), surrogate_events(400, 100, 3, WINDOW)
    found = optimal(events, template, test)
    np.testing.assert_allclose(found, log_likelihood_ratio(test, WINDOW))
    mean_signal, mean_background = (found[mask].mean() for mask in (test.labels, ~test.labels))
    assert mean_signal > 0 > mean_background  # Gibbs' inequality


def test_the_optimal_score_of_other_events_is_unknown():
    assert optimal(toy_events(), None, None, surrogate=False) is None


@pytest.mark.parametrize("mode", ["supervised", "idealised", "cwola", "cathode"])
@pytest.mark.parametrize("features", ["baseline", "baseline+rotated+noise2"])
def test_every_mode_prepares_the_same_study_twice(mode, features):
    settings = {"mode": mode, "features": features, "n_signal": 250, "cathode": QUICK_CATHODE}
    first, again = (prepared(toy_events(), **settings) for _ in range(2))
    np.testing.assert_array_equal(first.sample.rows.features, again.sample.rows.features)
    np.testing.assert_array_equal(first.sample.test, again.sample.test)


def test_a_density_is_trained_once_and_what_it_is_worth_is_told():
    said = []
    inputs = Inputs(toy_events(), None, None)
    settings = Settings(mode=("cathode",), cathode=QUICK_CATHODE)
    conduct = Conduct(said.append)
    done = prepare(inputs, settings, *settings.views, conduct=conduct)
    assert done.density["estimator"] == "maf"
    assert {"epochs", "cpu_seconds", "validation_loss", "training_events"} < set(done.density)
    check = done.density["check"]
    assert 0.45 < check["auc"] < 1
    assert 0 < check["auc_error"] < 0.1
    assert "with AUC" in said[-1]
    again = prepare(
        inputs, settings, *settings.views, generated=done.generated, conduct=Conduct(said.append)
    )
    assert len(said) == 2
    assert again.density is None
    np.testing.assert_array_equal(done.sample.rows.features, again.sample.rows.features)


def test_a_template_from_a_file_is_never_kept():
    done = prepared(toy_events())
    assert done.generated is done.density is None


def test_a_variant_reaches_data_template_and_test():
    done = prepared(toy_events(), features="baseline+rotated+noise2", n_signal=120)
    plain = prepared(toy_events(), n_signal=120)
    assert done.sample.columns[-1] == "noise_2"
    assert done.sample.test.shape[1] == done.sample.rows.features.shape[1] == 6
    np.testing.assert_array_equal(done.sample.mjj_tev, plain.sample.mjj_tev)
    columns = (plain.sample.rows.features - done.variation.mean) / done.variation.width
    np.testing.assert_allclose(
        np.linalg.norm(done.sample.rows.features[:, :4], axis=1),
        np.linalg.norm(columns, axis=1),
        atol=1e-4,
    )
    n_data = np.count_nonzero(done.sample.rows.is_data)
    noise = done.sample.rows.features[:, 4]
    assert abs(np.corrcoef(noise[:500], noise[n_data : n_data + 500])[0, 1]) < 0.2


@pytest.mark.parametrize("features", ["baseline+rotated", "baseline"])
def test_no_input_depends_on_the_class_of_a_verdict_row(features):
    """Data and template change places in the verdict rows, and nowhere else."""
    n_data, n_template = 3000, 2000
    events = toy_events(n_data + n_template, 0, labels=False, low=3.3, high=3.7)
    order = np.arange(len(events))
    parts = order[:n_data], order[n_data:]

    def of(data, template):
        files = events.take(data), events.take(template)
        return prepared(*files, mode="idealised", features=features)

    plain = of(*parts)
    of_data, of_template = (plain.sample.verdict[c] for c in _classes_of(plain.sample))
    assert len(of_data) > len(of_template) > 0
    swapped = order.copy()
    swapped[of_data[: len(of_template)]] = of_template
    swapped[of_template] = of_data[: len(of_template)]
    other = of(*np.split(swapped, [n_data]))
    np.testing.assert_array_equal(plain.sample.verdict, other.sample.verdict)
    # Row k of the other sample is event `swapped[k]` of the plain one, and has its very inputs.
    ours, theirs = plain.sample.rows.features, other.sample.rows.features
    np.testing.assert_array_equal(theirs, ours[swapped])


def _classes_of(sample):
    is_data = sample.rows.is_data[sample.verdict]
    return is_data, ~is_data


def test_the_optimal_score_is_of_the_columns_before_they_are_varied():
    events, test = surrogate_events(4000, 600, 1), surrogate_events(400, 100, 3, WINDOW)
    found = optimal(events, None, test, features=("baseline+rotated", "baseline"))
    np.testing.assert_allclose(found, log_likelihood_ratio(test, WINDOW))


SEVERAL = {
    "mode": ("idealised", "cwola", "cathode"),
    "features": ("baseline", "baseline+rotated+noise2"),
    "cathode": QUICK_CATHODE,
}


@pytest.fixture(scope="module")
def several():
    events = toy_events()
    sources = {"events": events, "template": None, "test": None}
    inputs = read_inputs(sources, SEVERAL["features"], SEVERAL["mode"])
    return events, prepare_study(inputs, Settings(**SEVERAL, n_signal=150))


def test_all_samples_of_a_study_have_the_same_data_and_test_events(several):
    _, study = several
    assert len(study.samples) == 6
    first = study.samples[VIEW]
    n_data = int(first.rows.is_data.sum())
    for view, sample in study.samples.items():
        assert sample.rows.is_data[:n_data].all()
        assert not sample.rows.is_data[n_data:].any()
        np.testing.assert_array_equal(sample.mjj_tev[:n_data], first.mjj_tev[:n_data])
        np.testing.assert_array_equal(sample.test_mjj_tev, first.test_mjj_tev)
        np.testing.assert_array_equal(sample.test_is_signal, first.test_is_signal)
        of_data = sample.verdict < n_data
        np.testing.assert_array_equal(
            sample.verdict[of_data], first.verdict[first.verdict < n_data]
        )
        if view.features == "baseline":
            np.testing.assert_array_equal(
                sample.rows.features[:n_data], first.rows.features[:n_data]
            )


def test_halves_and_folds_part_the_data_alike_in_every_mode(several):
    _, study = several
    n_data = int(study.samples[VIEW].rows.is_data.sum())

    def parts(sample):
        members = halves(sample.rows.is_data, 2, 3, sample.deciding)
        members += final_members(sample.rows.is_data, 5, 3, 0)
        members += verdict_members(sample, 3, 0)
        return [m.validation[m.validation < n_data] for m in members]

    first, *others = map(parts, study.samples.values())
    for other in others:
        for a, b in zip(first, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_templates_of_one_mode_are_the_same_rows_and_those_of_others_are_disjoint(several):
    _, study = several
    templates = {}
    for view, sample in study.samples.items():
        own = sample.mjj_tev[~sample.rows.is_data]
        np.testing.assert_array_equal(templates.setdefault(view.mode, own), own)
        assert study.counts[view.mode]["template"] == len(own)
    idealised, cwola = (
        ids(s.rows.features[~s.rows.is_data])
        for s in (study.samples[View(mode, "baseline")] for mode in ("idealised", "cwola"))
    )
    data = ids(study.samples[VIEW].rows.features[study.samples[VIEW].rows.is_data])
    assert not idealised & cwola
    assert not (idealised | cwola) & data
    assert set(study.densities) == set(study.generated) == set(SEVERAL["features"])


def test_templates_that_were_generated_before_train_no_density_again(several):
    events, study = several
    said = []
    again = prepare_study(
        Inputs(events, None, None, shares_template=True),
        Settings(**SEVERAL, n_signal=150),
        generated=study.generated,
        conduct=Conduct(said.append),
    )
    assert not said
    for view, sample in again.samples.items():
        np.testing.assert_array_equal(sample.rows.features, study.samples[view].rows.features)
