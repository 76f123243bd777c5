import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scan_tables import REPEATS, SETS, SETTINGS, by_hand
from scipy import stats

from raysearch.scanning.analysis import (
    Place,
    band,
    chance,
    picks,
    rank_correlation,
    spearman,
    values_of,
)
from raysearch.scanning.cells import Cell
from raysearch.scanning.results import HalfKey
from raysearch.scanning.tables import pick_table

HGB = Place("idealised", "baseline", "hgb")


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    return values_of(by_hand(tmp_path_factory.mktemp("scan")), SETTINGS)


def test_a_band_holds_the_quantiles_of_a_uniform_sample():
    found = band(np.linspace(0, 1, 1001))
    assert found == pytest.approx((0.5, 0.16, 0.84))


def test_a_band_of_nothing_is_unknown():
    assert np.isnan(band(np.full(3, np.nan))).all()


def test_the_table_is_read_by_place_and_strength(values):
    assert values.n_signal == (0, 100, 300)
    assert len(values.places) == 4
    assert values.half[HGB, 100]["val_sic"].shape == (SETS, REPEATS)
    assert values.full_value(HGB, 300, "val_sic", "max_sic") == 5 + 6
    assert np.isnan(values.full_value(HGB, 7, "val_sic", "max_sic"))


def test_each_objective_chooses_its_best_mean(values):
    chosen = {o: values.chosen(HGB, 100, o) for o in values.objectives}
    assert chosen == {"val_sic": 5, "val_loss": 0, "max_sic": 5}
    assert values.band(HGB, 100, "val_loss", "max_sic").median == pytest.approx(1.015)


def test_correlation_is_positive_where_a_metric_prefers_what_labels_prefer(values):
    rho, error = rank_correlation(values, HGB, 100, "val_sic")
    assert (rho, error) == (pytest.approx(1), pytest.approx(0, abs=1e-9))
    assert rank_correlation(values, HGB, 100, "val_loss")[0] == pytest.approx(-1)


def test_correlation_is_unknown_without_sets(values):
    assert np.isnan(rank_correlation(values, HGB, 7, "val_sic")).all()


def test_the_error_of_the_correlation_is_that_of_independent_samples():
    """Var(rho) = 1/(n - 1) where nothing is correlated (Kendall and Gibbons, 1990)."""
    rng, n = np.random.default_rng(1), 100
    errors = []
    for _ in range(20):
        half = {(HGB, 0): {m: rng.normal(size=(n, 1)) for m in ("val_sic", "max_sic_at_val_sic")}}
        found = type("V", (), {"half": half, "means": lambda s, p, k, m: s.half[p, k][m][:, 0]})()
        errors.append(rank_correlation(found, HGB, 0, "val_sic")[1])
    assert np.mean(errors) == pytest.approx(1 / np.sqrt(n - 1), rel=0.1)


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=3, max_size=30).filter(
        lambda pairs: all(len(set(column)) > 1 for column in zip(*pairs, strict=True))
    )
)
def test_spearman_is_that_of_scipy_ties_included(pairs):
    x, y = np.array(pairs, float).T
    assert spearman(x[None], y[None])[0] == pytest.approx(stats.spearmanr(x, y).statistic)


def test_the_best_place_is_picked_repeat_by_repeat(values):
    found = picks(values, 100, "val_sic")
    assert len(found) == REPEATS
    metric = {p: values.half[p, 100]["val_sic"][5] for p in values.places}
    for repeat, pick in enumerate(found):
        assert metric[pick.place][repeat] == max(own[repeat] for own in metric.values())
        assert pick.half == values.half[pick.place, 100]["max_sic_at_val_sic"][5, repeat]
        assert pick.full == values.full_value(pick.place, 100, "val_sic", "max_sic")


def test_a_place_without_a_value_is_never_picked(tmp_path):
    cells = [Cell("cwola", "baseline", n) for n in SETTINGS["n_signal"]]
    fail = {HalfKey(cell, "mlp", k) for cell in cells for k in range(SETS)}
    found = picks(values_of(by_hand(tmp_path, fail=fail), SETTINGS), 100, "val_sic")
    assert Place("cwola", "baseline", "mlp") not in {pick.place for pick in found}


def test_regret_compares_with_the_pick_of_labels(values):
    table = pick_table(values)
    assert [row[:2] for row in table.rows[:3]] == [
        ["0", "val SIC"],
        ["0", "val loss"],
        ["0", "max SIC"],
    ]
    assert table.rows[2][table.headings.index("regret")] == "1.00"
    assert all(len(row) == len(table.headings) for row in table.rows)


def test_luck_goes_through_the_same_choice_as_what_is_found(values):
    """Its best set is the first, its best place the last: .25 + .003 and the noise of repeats."""
    found = chance(values, values.places, 100)
    assert found.median == pytest.approx(0.253 + 0.03, abs=0.011)
    assert found.low < found.median < found.high
    of_one = chance(values, [HGB], 100)
    assert sorted(values.half[HGB, 100]["val_sic_permuted"][0])[-1] >= of_one.high
    assert of_one.median == pytest.approx(0.25 + 0.015)


def test_where_luck_would_find_as_much_there_is_no_preference(values):
    table = pick_table(values)
    told = {(row[0], row[1]): row[-1] for row in table.rows}
    assert told["0", "val SIC"].endswith("no preference")
    assert " > 0.2" in told["100", "val SIC"]
    assert told["100", "val loss"] == told["100", "max SIC"] == "–"


def test_figures_of_ensembles_have_no_band_and_tell_how_many_there_are(values):
    table = pick_table(values)
    places = {headings: k for k, headings in enumerate(table.headings)}
    for row, (n, name) in zip(
        table.rows, [(n, o) for n in values.n_signal for o in values.objectives], strict=True
    ):
        found = picks(values, n, name)
        full = np.median([pick.full for pick in found])
        assert row[places["full statistics"]] == f"{full:.2f}"
        assert row[places["ensembles"]] == str(len({pick.place for pick in found}))
        assert "[" in row[places["max SIC, halves"]]
        assert "[" not in row[places["regret"]]
