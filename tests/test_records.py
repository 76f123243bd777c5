"""The table of trials."""

import json

import pyarrow.parquet as pq
import pytest

from raysearch.records import Record, record_from_json, trial_id, trials_table, write_trials

RECORDS = {
    0: (
        {"detector": "hgb", "hgb/max_iter": 7, "hgb/learning_rate": 0.1},
        Record("COMPLETE", {"val_sic": [0.1, 0.3], "val_loss": [0.6, 0.6]}, 1, 2.5, None, "hgb"),
    ),
    1: (
        {"detector": "mlp", "mlp/batch_size": 64},
        Record("FAIL", {}, 0, 0.1, "ValueError: scores must be finite", "mlp"),
    ),
    12: (
        {"detector": "mlp", "mlp/batch_size": 128},
        Record("PRUNED", {"val_sic": [0.2, 0.2], "max_sic": [3.0, 5.0]}, 5, 1.0, None, "mlp"),
    ),
}


def test_the_columns_are_the_documented_ones():
    assert trials_table(RECORDS).column_names == [
        *("trial_id", "state", "error", "seconds", "epochs", "config.detector"),
        *("config.hgb.learning_rate", "config.hgb.max_iter", "config.mlp.batch_size"),
        *("val_sic", "val_sic_std", "val_loss", "val_loss_std", "max_sic", "max_sic_std"),
        *("max_sic_at_val_sic", "max_sic_at_val_sic_std"),
        *("max_sic_at_val_loss", "max_sic_at_val_loss_std"),
    ]


def test_a_row_is_a_trial_with_mean_and_spread_over_repeats():
    row = trials_table(RECORDS).to_pylist()[0]
    assert (row["trial_id"], row["state"], row["error"]) == ("00000", "COMPLETE", None)
    assert (row["val_sic"], row["val_sic_std"]) == (pytest.approx(0.2), pytest.approx(0.1))
    assert (row["config.detector"], row["config.hgb.max_iter"]) == ("hgb", 7)


def test_what_a_trial_does_not_have_is_null():
    rows = trials_table(RECORDS).to_pylist()
    assert rows[0]["max_sic"] is rows[0]["config.mlp.batch_size"] is None
    assert rows[1]["val_sic"] is rows[1]["max_sic_std"] is None
    assert rows[2]["max_sic"] == 4.0


def test_a_failure_keeps_its_reason():
    row = trials_table(RECORDS).to_pylist()[1]
    assert (row["state"], row["error"]) == ("FAIL", "ValueError: scores must be finite")


def test_whole_numbers_stay_whole():
    types = {field.name: str(field.type) for field in trials_table(RECORDS).schema}
    assert types["config.hgb.max_iter"] == types["epochs"] == "int64"
    assert types["config.hgb.learning_rate"] == types["val_loss"] == "double"


def test_without_trials_the_table_has_no_rows_but_its_columns():
    table = trials_table({})
    assert table.num_rows == 0
    assert {"trial_id", "state", "config.detector", "max_sic_std"} <= set(table.column_names)


@pytest.mark.parametrize("choices", [(1, 0.5), (None, 3), (True, False), (None, "sqrt", 0.5)])
def test_a_parameter_may_take_values_of_several_types(choices):
    ended = RECORDS[0][1]
    records = {i: ({"hgb/x": value}, ended) for i, value in enumerate(choices)}
    assert trials_table(records).num_rows == len(choices)


def test_written_and_read_tables_agree(tmp_path):
    write_trials(tmp_path / "trials.parquet", RECORDS)
    assert pq.read_table(tmp_path / "trials.parquet").equals(trials_table(RECORDS))


def test_trials_sort_by_their_names():
    names = [trial_id(i) for i in (2, 10, 99, 100, 12345)]
    assert names == sorted(names)


def test_a_record_comes_back_from_json():
    for _, record in RECORDS.values():
        assert record_from_json(json.loads(json.dumps(record._asdict()))) == record


@pytest.mark.parametrize(
    "changed",
    [
        *({"metrics": of} for of in ({"val_sic": 0.1}, {"val_sic": []}, {"val_sic": ["x"]}, [])),
        *({"epochs": of} for of in (1.5, None, 10**30)),
        *({"reached": of} for of in ([[1]], [[1, None, "x", 0.1]], 3)),
        {"seconds": "1"},
        {"error": 3},
        {"state": None},
        {"detector": []},
        {"more": 1},
    ],
)
def test_a_record_of_other_kinds_is_refused(changed):
    with pytest.raises((TypeError, ValueError)):
        record_from_json({**RECORDS[0][1]._asdict(), **changed})
