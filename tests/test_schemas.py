"""Every file of a study names its form; one of another form is refused."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toys import hand_made_study

from raysearch.errors import InputError
from raysearch.schemas import check_schema, read_table, write_table
from raysearch.study import load_study


def test_the_message_names_what_is_needed():
    check_schema("study.json", 3, 3)
    with pytest.raises(InputError, match=r"study\.json must have schema 3, but got 2; .*\(0\.9\)"):
        check_schema("study.json", 2, 3, "0.9")


def test_a_table_is_read_as_it_was_written(tmp_path):
    table = pa.table({"a": [1, 2]}, metadata={"of": "somebody"})
    write_table(tmp_path / "a.parquet", table, 4)
    found = read_table(tmp_path / "a.parquet", 4)
    assert found.equals(table)
    assert found.schema.metadata[b"of"] == b"somebody"


@pytest.mark.parametrize(("written", "said"), [(5, "5"), (None, "None")])
def test_a_table_of_another_schema_is_refused(written, said, tmp_path):
    path = tmp_path / "a.parquet"
    if written is None:
        pq.write_table(pa.table({"a": [1]}), path)
    else:
        write_table(path, pa.table({"a": [1]}), written)
    with pytest.raises(InputError, match=f"must have schema 4, but got {said}"):
        read_table(path, 4)


@pytest.mark.parametrize("name", ["study.json", "selection.json", "detector/val_sic/detector.json"])
def test_a_study_with_a_file_of_another_schema_is_refused(name, tmp_path):
    study = hand_made_study(tmp_path / "study")
    path = study.directory / name
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 99}))
    with pytest.raises(InputError, match=rf"{name} must have schema \d, but got 99"):
        load_study(study.directory).detector()


def test_a_study_with_a_table_of_another_schema_is_refused(tmp_path):
    study = hand_made_study(tmp_path / "study")
    write_table(study.directory / "trials.parquet", study.table(), 99)
    with pytest.raises(InputError, match=r"trials\.parquet must have schema 1, but got 99"):
        study.table()
