"""Which hyperparameters of a density are taken."""

import math
from dataclasses import replace

import numpy as np
import pytest
from densities import QUICK, moving_gaussian

from raysearch.density import ESTIMATORS, CathodeSettings, Conduct, Sidebands
from raysearch.density.choice import choose_density
from raysearch.density.fit import fit_density
from raysearch.density.sets import suggested_sets
from raysearch.density.training import DivergedError
from raysearch.errors import InputError

KIND = "flow_matching"


@pytest.fixture(scope="module")
def sidebands():
    return Sidebands(moving_gaussian(600, 1), moving_gaussian(300, 2))


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_the_first_set_is_what_was_given_and_the_others_keep_it(kind):
    given = {"epochs": 3, "hidden": 64}
    first, *others = suggested_sets(CathodeSettings(kind, given, trials=6), 1)
    assert first == {"epochs": 3, "hidden": 64}
    for own in others:
        ESTIMATORS[kind].complete(own)
        assert (own["epochs"], own["hidden"]) == (3, 64)
    assert len({own["learning_rate"] for own in others}) == 5


def test_asking_for_more_sets_never_changes_the_first():
    few, many = (CathodeSettings(KIND, trials=trials) for trials in (3, 7))
    assert suggested_sets(few, 1) == suggested_sets(many, 1)[:3]
    assert suggested_sets(few, 1) != suggested_sets(few, 2)


def test_a_search_that_could_suggest_nothing_is_refused():
    given = {"learning_rate": 1e-3, "batch_size": 64, "hidden": 8}
    assert len(suggested_sets(CathodeSettings("maf", given, trials=2), 1)) == 2
    with pytest.raises(InputError, match=r"trials = 2 suggests learning_rate, .* leave one out"):
        suggested_sets(CathodeSettings("maf", {**given, "blocks": 3}, trials=2), 1)


def test_the_least_validation_loss_is_taken_in_whatever_company(sidebands):
    sets = [{**QUICK[KIND], "learning_rate": rate} for rate in (1e-5, 5e-3, 1e-4)]
    said = []
    choice = choose_density(sidebands, KIND, sets, 1, Conduct(said.append))
    losses = [attempt.validation_loss for attempt in choice.attempts]
    assert np.argmin(losses) == 1
    assert choice.density.validation_loss == losses[1]
    assert [attempt.parameters for attempt in choice.attempts] == sets
    assert said[1] == f"density 2/3: validation loss {losses[1]:.4f}"
    alone = choose_density(sidebands, KIND, sets[1:2], 1).density
    masses = sidebands.validation.mjj_tev
    np.testing.assert_allclose(
        alone.sample(masses, 0).features, choice.density.sample(masses, 0).features, atol=1e-4
    )


def test_one_set_is_the_plain_density(sidebands):
    choice = choose_density(sidebands, KIND, [QUICK[KIND]], 5)
    plain = fit_density(*sidebands, KIND, QUICK[KIND], 5)
    assert choice.density.trained.losses == plain.trained.losses
    (attempt,) = choice.about()["attempts"]
    assert attempt["validation_loss"] == plain.validation_loss


def test_a_set_that_diverges_costs_no_other(sidebands):
    bad = {**QUICK["maf"], "learning_rate": 1e30}
    choice = choose_density(sidebands, "maf", [bad, QUICK["maf"]], 1, Conduct(run=apart))
    assert choice.attempts[0].validation_loss is None
    assert math.isfinite(choice.density.validation_loss)
    assert choice.about()["cpu_seconds"] == choice.attempts[1].cpu_seconds


def test_sets_that_all_diverge_are_refused_with_a_remedy(sidebands):
    bad = {**QUICK["maf"], "learning_rate": 1e30}
    with pytest.raises(DivergedError, match=r"in none of 2 sets .*lower learning_rate"):
        choose_density(sidebands, "maf", [bad, bad], 1)


def apart(fits, parts, say, halt):
    """Runs them in another order, as workers would."""
    found = {index: fits[index](parts, say, halt) for index in reversed(range(len(fits)))}
    return [found[index] for index in range(len(fits))]


def test_a_loss_that_was_not_finite_at_first_is_no_least_one(sidebands):
    fitted = choose_density(sidebands, KIND, [QUICK[KIND]], 1).density
    losses = [math.nan, 1.5, 1.2], [1.0, 0.5]
    found = [replace(fitted, trained=replace(fitted.trained, losses=own)) for own in losses]
    choice = choose_density(sidebands, KIND, [{}, {"hidden": 8}], 1, Conduct(run=lambda *_: found))
    assert choice.density.validation_loss == 0.5
    assert [attempt.validation_loss for attempt in choice.attempts] == [1.2, 0.5]
