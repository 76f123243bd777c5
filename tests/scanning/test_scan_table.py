import numpy as np
import pyarrow as pa
from scan_tables import REPEATS, SETS, by_hand

from raysearch.scanning.cells import Cell
from raysearch.scanning.results import HalfKey

KEY = HalfKey(Cell("cwola", "baseline", 100), "hgb", 2)


def test_a_fit_is_a_row_with_its_metrics_time_and_hyperparameters(tmp_path):
    table = by_hand(tmp_path)
    half = [row for row in table.to_pylist() if row["stage"] == "half"]
    assert len(half) == 3 * 2 * 2 * SETS * REPEATS
    row = half[0]
    assert (row["detector"], row["set"], row["repeat"], row["objective"]) == ("hgb", 0, 0, None)
    assert row["seconds"] == 2.0 / REPEATS
    assert (row["config.hgb.level"], row["config.mlp.level"]) == (0.0, None)
    assert table.schema.field("n_signal").type == pa.int64()


def test_metrics_that_do_not_exist_are_nan(tmp_path):
    table = by_hand(tmp_path, labels=False, fail={KEY})
    rows = table.to_pylist()
    assert all(np.isnan(row["max_sic"]) for row in rows)
    failed = [row for row in rows if row["error"] is not None]
    assert len(failed) == REPEATS
    assert {(row["error"], row["set"], row["mode"]) for row in failed} == {
        ("it failed", 2, "cwola")
    }
    assert all(np.isnan(row["val_sic"]) for row in failed)
    assert table["max_sic"].null_count == 0


def test_the_rows_do_not_depend_on_when_trials_ended(tmp_path):
    rows = by_hand(tmp_path).to_pylist()
    order = ("stage", "mode", "features", "n_signal", "detector", "set", "repeat")
    half = [tuple(row[name] for name in order) for row in rows if row["stage"] == "half"]
    assert half == sorted(half)
