"""A whole test without Ray: batches, resumption, stopping, files, figures and selection."""

import json
from dataclasses import replace
from threading import Event

import numpy as np
import pyarrow.parquet as pq
import pytest
from nplm_toys import points, two_samples

from raysearch.errors import InputError
from raysearch.nplm.aggregate import combine_fitted
from raysearch.nplm.chain import begin
from raysearch.nplm.conduct import conduct, missing
from raysearch.nplm.figures import write_figures
from raysearch.nplm.plan import asked
from raysearch.nplm.pool import pool_spread
from raysearch.nplm.prepare import make_pool, prepare_test
from raysearch.nplm.pvalues import FEW_RESAMPLES, Chi2, asymptotic, fit_chi2
from raysearch.nplm.question import Question
from raysearch.nplm.settings import NplmSettings
from raysearch.nplm.work import serial

SETTINGS = NplmSettings(
    toys=60, sigmas=(0.5, 1.5), centres=40, inject=(0, 20), injected_toys=20, seed=3
)


@pytest.fixture(scope="module")
def samples():
    data, reference, signal = two_samples(n_signal=24)
    return {"data": points(data), "reference": points(reference), "signal": points(signal)}


@pytest.fixture(scope="module")
def prepared(samples):
    return prepare_test(Question(samples, SETTINGS))


@pytest.fixture
def course(prepared, samples, tmp_path):
    def of(out="out", **changes):
        settings = replace(SETTINGS, **changes)
        return begin(
            prepared,
            asked(Question(samples, settings)),
            settings,
            tmp_path / out,
            lambda line: None,
        )

    return of


def test_the_files_hold_what_the_result_says(course, prepared, tmp_path):
    result = conduct(course(), serial)
    written = json.loads((tmp_path / "out" / "nplm.json").read_text())
    keys = {"t", "p_empirical", "p_asymptotic", "z", "toys", "dof", "ks_p"}
    assert keys < set(written)
    assert written["t"] == result.t
    assert written["t_fitted"] == result.t_fitted
    fitted = combine_fitted(result.toy_t, np.array([[w.t for w in result.widths]]), "min-p")
    told = Chi2(result.dof.value, result.scale.value)
    assert result.p_asymptotic.value == pytest.approx(float(told.p(result.t_fitted)))
    assert result.t_fitted == fitted.tests[0]
    assert result.dof.value == pytest.approx(fit_chi2(fitted.toys).dof)
    assert written["toys"] == 60
    low, high = written["p_empirical"]["interval"]
    assert low <= written["p_empirical"]["value"] <= high
    assert written["settings"]["chosen"]["penalty"]["why"]
    table = pq.read_table(tmp_path / "out" / "toys.parquet")
    assert table.column_names == ["seed", "sigma", "t"]
    assert table.num_rows == 120
    assert table["sigma"].to_pylist()[:2] == [0.5, 1.5]
    injected = pq.read_table(tmp_path / "out" / "injected.parquet")
    assert set(injected["n_signal"].to_pylist()) == {0, 20}
    null, with_signal = result.injections
    assert abs(null.z.value) < 1 < with_signal.z.value
    assert with_signal.fraction == pytest.approx(20 / 420)
    paths = write_figures(tmp_path / "out", prepared, result)
    assert {p.name for p in paths} == {"toys", "calibration", "log_ratio", "injection"}
    for path in paths:
        assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
        assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    assert "from 60 toys p" in result.summary()


@pytest.mark.parametrize("sigmas", [(0.5,), (0.5, 1.5)])
def test_no_toy_above_is_a_limit(sigmas, samples, tmp_path):
    """Data with a signal that no toy comes near, at one width and at several."""
    strong = np.concatenate([samples["data"].values, samples["signal"].values[:80]])
    settings = replace(SETTINGS, sigmas=sigmas, inject=())
    question = Question({**samples, "data": points(strong)}, settings)
    run = begin(prepare_test(question), asked(question), settings, tmp_path, lambda line: None)
    result = conduct(run, serial)
    assert result.p_empirical.low == 0
    assert result.p_empirical.value == result.as_json()["smallest_p"] == 1 / 61
    assert "p < 0.03, the 84% limit of 60 toys, Z > " in result.summary()
    assert "stopped" not in result.summary()
    assert result.as_json()["z"]["interval"][1] is None
    assert result.z_asymptotic.value > 2


def test_what_is_not_finite_never_reaches_the_file(course, tmp_path):
    run = course(inject=())
    result = conduct(replace(run, observed=np.array([np.inf, np.inf, 0])), serial)
    text = (tmp_path / "out" / "nplm.json").read_text()
    assert "Infinity" not in text
    assert "NaN" not in text
    assert result.p_empirical.low == 0


def test_any_batches_give_the_same_p(course):
    results = [conduct(course(f"{size}", inject=()), serial, size) for size in (7, 25, 60)]
    for other in results[1:]:
        np.testing.assert_allclose(other.toy_t, results[0].toy_t, rtol=0, atol=1e-9)
        assert other.p_empirical == results[0].p_empirical
        assert other.toy_seeds == results[0].toy_seeds


def backwards(jobs):
    """A runner whose batches end in the opposite order."""
    yield from reversed(list(serial(jobs)))


def test_the_order_in_which_batches_end_plays_no_part(course):
    a, b = conduct(course("a"), serial, 20), conduct(course("b"), backwards, 20)
    assert a.toy_seeds == b.toy_seeds
    assert a.p_empirical == b.p_empirical
    assert a.injections[1].z == pytest.approx(b.injections[1].z, abs=1e-9)


def broken(jobs):
    """A runner that fails after its first batch."""
    yield next(serial(jobs))
    raise KeyboardInterrupt


def test_a_resumed_test_makes_no_toy_twice(course):
    begun = course()
    with pytest.raises(KeyboardInterrupt):
        conduct(begun, broken, 20)
    resumed = course()
    assert len(resumed.store.toys) == 20
    assert [len(batch.seeds) for batch in missing(resumed, None, 25)] == [25, 13, 2]
    whole = conduct(course("whole"), serial)
    result = conduct(resumed, serial)
    np.testing.assert_allclose(result.toy_t, whole.toy_t, rtol=0, atol=1e-9)
    more = conduct(course(toys=80), serial)
    np.testing.assert_array_equal(more.toy_t[:60], result.toy_t)


def test_results_are_readable_while_it_runs(course, tmp_path, monkeypatch):
    """And cheap: of few resamples, whose KS test knows no finer steps of p."""
    monkeypatch.setattr("raysearch.nplm.beside.EVERY_S", 0.0)
    running = course(inject=())
    with pytest.raises(KeyboardInterrupt):
        conduct(running, broken, 30)
    so_far = json.loads((tmp_path / "out" / "nplm.json").read_text())
    assert so_far["toys"] == 30
    assert so_far["complete"] is False
    steps = so_far["ks_p"] * (FEW_RESAMPLES + 1)
    assert steps == pytest.approx(round(steps))


@pytest.mark.parametrize(("sigmas", "fits"), [((0.5,), 2), ((0.5, 1.5), 4)])
def test_each_fit_is_made_once(sigmas, fits, samples, tmp_path, monkeypatch):
    """One at each width, the plain one, and one more only where widths are combined."""
    made = []

    def counting(*args, **others):
        made.append(args)
        return asymptotic(*args, **others)

    monkeypatch.setattr("raysearch.nplm.evaluate.asymptotic", counting)
    monkeypatch.setattr("raysearch.nplm.beside.EVERY_S", 1e9)
    settings = replace(SETTINGS, sigmas=sigmas, inject=())
    question = Question(samples, settings)
    run = begin(prepare_test(question), asked(question), settings, tmp_path, lambda line: None)
    conduct(run, serial)
    assert len(made) == fits


def test_a_slow_evaluation_holds_up_no_toy(course, monkeypatch):
    monkeypatch.setattr("raysearch.nplm.beside.EVERY_S", 0.0)
    all_made, waited = Event(), []

    def slow(self, resamples):
        waited.append(all_made.wait(120))

    def watched(jobs):
        yield from serial(jobs)
        all_made.set()

    running = course(inject=())
    monkeypatch.setattr("raysearch.nplm.conduct.Course.result", slow)
    running.run(watched, missing(running, None, 20), until_decided=False)
    assert waited[0]


def test_an_evaluation_that_fails_is_not_hidden(course, monkeypatch, tmp_path):
    monkeypatch.setattr("raysearch.nplm.beside.EVERY_S", 0.0)
    monkeypatch.setattr("raysearch.nplm.conduct.evaluate", None)
    running = course(inject=())
    with pytest.raises(TypeError, match="not callable"):
        running.run(serial, missing(running, None, 30), until_decided=False)
    assert pq.read_table(tmp_path / "out" / "toys.parquet").num_rows >= 60


def test_another_test_is_refused_its_directory(course, samples, prepared):
    conduct(course(inject=()), serial)
    with pytest.raises(InputError, match="differs in seed; choose another directory"):
        course(seed=4)


def test_toys_are_in_the_order_of_their_seeds(course, tmp_path):
    """Whatever the order they were made in: equal seeds give equal files."""
    for out, runner in (("a", serial), ("b", backwards)):
        conduct(course(out), runner, 20)
    for name in ("toys.parquet", "injected.parquet"):
        table = pq.read_table(tmp_path / "a" / name)
        assert table["seed"].to_pylist() != []
        other = pq.read_table(tmp_path / "b" / name)
        assert other.drop(["t"]).equals(table.drop(["t"]))
        keys = list(zip(*(table[k].to_pylist() for k in table.column_names[:-2]), strict=True))
        assert keys == sorted(keys)


def test_it_stops_where_the_toys_exclude_the_value(course, tmp_path):
    results = [
        conduct(course(f"{size}", inject=(), stop_at=0.5), runner, size)
        for size, runner in ((4, serial), (25, serial), (5, backwards))
    ]
    assert [result.toys for result in results] == [20, 20, 20]
    assert len({result.p_empirical for result in results}) == 1
    said = "as if so many toys had been asked for; stopped before 60 since p is below 0.5, which"
    assert said in results[0].summary()
    written = json.loads((tmp_path / "4" / "nplm.json").read_text())
    assert "as if the number of toys had been fixed beforehand" in written["intervals"]
    stopping = json.loads((tmp_path / "4" / "nplm.json").read_text())["stopping"]
    assert stopping == {"stopped_at": 20, "stop_at": 0.5, "wrong_stops_at_most": 0.01}
    assert conduct(course("all", inject=(), stop_at=0.02), serial).toys == 60
    with pytest.raises(InputError, match="below which 60 toys decide nothing"):
        course("none", stop_at=0.01)


# 40 centres of a fresh reference of 3600 are the same for all toys, and 3960 rows are others.
FRESH = (800 / 3600 * (40 / 3960) ** 0.5, 400 / 3960 * (1 - 80 / 3600))


@pytest.mark.parametrize(("draws", "terms"), [("fixed", (0.4, 0.2)), ("fresh", FRESH)])
def test_the_spread_between_pools_is_reported(draws, terms, samples, tmp_path):
    settings = replace(SETTINGS, draws=draws, inject=())
    prepared = prepare_test(Question(samples, settings))
    assert pool_spread(prepared.work.statistic.pool) == pytest.approx(terms)
    plan = asked(Question(samples, settings))
    run = begin(prepared, plan, settings, tmp_path, lambda line: None)
    result = conduct(run, serial)
    dof = result.toy_t.mean(axis=0).max()
    assert result.pool_shift.high == pytest.approx(np.hypot(terms[0], terms[1] * 2**0.5) * dof**0.5)
    assert ("warning: the reference is small" in result.summary()) == (draws == "fixed")


def test_a_reference_that_leaves_no_pool_says_what_is_needed(samples):
    small = replace(samples["reference"], values=samples["reference"].values[:700])
    with pytest.raises(InputError, match="at least 800 events, but the reference has 700"):
        make_pool(small, 400, SETTINGS)
    with pytest.raises(InputError, match="reference_size = 300 and the data have 400 events"):
        make_pool(samples["reference"], 400, replace(SETTINGS, reference_size=300))


def test_a_pool_is_standardised_with_its_weights(samples):
    weights = np.where(np.arange(4000) % 2, 3.0, 0.0)
    pool = make_pool(replace(samples["reference"], weights=weights), 100, SETTINGS)
    mean = np.average(pool.points, axis=0, weights=pool.weights)
    np.testing.assert_allclose(mean, 0, atol=1e-12)
    square = np.average(pool.points**2, axis=0, weights=pool.weights)
    np.testing.assert_allclose(square, 1)


@pytest.mark.parametrize(("limit", "kept"), [(10**9, True), (10**5, False)])
def test_features_are_stored_while_their_rank_lets_them(limit, kept, samples, monkeypatch):
    monkeypatch.setattr("raysearch.nplm.prepare._STORED_BYTES", limit)
    test = prepare_test(Question(samples, SETTINGS)).work.statistic
    assert all((block.features is not None) == kept for (block,) in test.blocks)
    # With the number of centres in place of the rank the larger limit would not do.
    rank = sum(block.basis.rank for (block,) in test.blocks)
    monkeypatch.setattr("raysearch.nplm.prepare._STORED_BYTES", rank * 4000 * 8)
    again = prepare_test(Question(samples, SETTINGS)).work.statistic
    assert rank < 2 * SETTINGS.centres
    assert all(block.features is not None for (block,) in again.blocks)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "kernal"}, "did you mean 'kernel'"),
        ({"aggregate": "min"}, "unknown aggregate 'min'"),
        ({"toys": 2}, "`toys >= 20` must hold, but got toys = 2"),
        ({"sigmas": (1.0, 0.0)}, "`0 < sigma` must hold"),
        ({"hidden": (0,)}, "`hidden >= 1` must hold"),
    ],
)
def test_impossible_settings_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        replace(SETTINGS, **changes)


@pytest.mark.parametrize("solver", ["one-step", "converged"])
def test_a_neural_or_converged_test_runs_the_same_way(samples, tmp_path, solver):
    settings = replace(SETTINGS, solver=solver, toys=25, inject=())
    if solver == "one-step":
        settings = replace(settings, method="neural", steps=15, starts=1, hidden=(3,), clip=5.0)
    prepared = prepare_test(Question(samples, settings))
    run = begin(
        prepared, asked(Question(samples, settings)), settings, tmp_path / solver, lambda line: None
    )
    result = conduct(run, serial)
    assert result.toys == 25
    assert np.isfinite(result.toy_t).all()
    write_figures(tmp_path / solver, prepared, result)
