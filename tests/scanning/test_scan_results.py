import pytest

from raysearch.records import Record
from raysearch.scanning.cells import Cell
from raysearch.scanning.results import JOURNAL, Full, FullKey, HalfKey, Results, read_results

CELL = Cell("cwola", "baseline+noise3", 25)
RECORD = Record("COMPLETE", {"val_sic": [0.1, 0.2]}, 20, 1.5, None, "hgb")
FULL = Full(1, {"val_sic": 0.3, "max_sic": 9.0}, 2.0, None)


@pytest.fixture
def filled(tmp_path):
    results = Results(tmp_path)
    results.add_cell(CELL, {"counts": {"data": 3}, "density": None})
    results.add_halves({HalfKey(CELL, "hgb", 0): RECORD, HalfKey(CELL, "hgb", 1): RECORD})
    results.add_full(FullKey(CELL, "hgb", "val_sic"), FULL)
    return results


def test_the_journal_gives_back_what_was_noted(filled, tmp_path):
    assert read_results(tmp_path) == filled


def test_the_first_note_of_a_cell_counts(filled, tmp_path):
    filled.add_cell(CELL, {"counts": {}, "density": None})
    assert read_results(tmp_path).cells[CELL]["counts"] == {"data": 3}


@pytest.mark.parametrize("lost", [1, 10, 60])
def test_a_line_cut_short_costs_itself_only(filled, tmp_path, lost):
    path = tmp_path / JOURNAL
    path.write_bytes(path.read_bytes()[:-lost])
    found = read_results(tmp_path)
    assert found.half == filled.half
    assert found.full == {}
    found.add_full(FullKey(CELL, "hgb", "val_sic"), FULL)
    assert read_results(tmp_path) == filled


def test_without_a_journal_there_is_nothing(tmp_path):
    assert read_results(tmp_path).half == {}
