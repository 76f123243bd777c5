import pytest
from toys import QUICK_CATHODE, toy_events

from raysearch.errors import InputError
from raysearch.events import write_columns
from raysearch.inputs import hashes
from raysearch.prepare import prepare
from raysearch.scanning.cells import Cell
from raysearch.scanning.inputs import rehearsals, scan_inputs
from raysearch.scanning.settings import ScanSettings

NOTHING = {"events": None, "template": None, "test": None}


def refused(sources, **changed):
    settings = ScanSettings(**{"n_signal": (0, 100), **changed})
    with pytest.raises(InputError) as error:
        rehearsals(scan_inputs({**NOTHING, **sources}, settings), settings)
    return str(error.value)


def test_events_without_labels_are_refused():
    told = refused({"events": toy_events(500, 0, labels=False)}, n_signal=(0,))
    assert "a scan injects signal from labelled events" in told


def test_more_signal_than_there_is_is_refused():
    assert "got n_signal = 100 and a file with 60 signal" in refused(
        {"events": toy_events(900, 60)}
    )


def test_columns_that_are_missing_are_named():
    assert "delta_r" in refused({"events": toy_events()}, features=("baseline", "baseline_dr"))


def test_a_sideband_too_thin_for_the_density_says_what_it_has_and_needs():
    told = refused({"events": toy_events(1500, 100)}, modes=("idealised", "cathode"))
    assert "needs at least 500 data events in each sideband" in told
    assert "has 3" in told or "has 4" in told


def test_a_template_is_refused_where_no_mode_takes_it():
    told = refused({"events": toy_events(), "template": toy_events(seed=1)}, modes=("cwola",))
    assert "--template is of use in the modes" in told


def test_a_template_goes_to_the_modes_that_take_it():
    sources = {"events": toy_events(), "template": toy_events(700, 0, 1, True, 9000, 3.3, 3.7)}
    settings = ScanSettings(n_signal=(100,), modes=("idealised", "cwola"))
    found = rehearsals(scan_inputs({**NOTHING, **sources}, settings), settings)
    sizes = {cell.mode: (~r.sample.rows.is_data).sum() for cell, r in found.items()}
    assert sizes["idealised"] == 700
    assert sizes["cwola"] != 700


@pytest.mark.parametrize("modes", [("cwola", "idealised", "cathode"), ("cwola", "cathode")])
def test_modes_compare_at_equal_data(modes):
    settings = ScanSettings(n_signal=(0, 100), modes=modes, cathode=QUICK_CATHODE)
    inputs = scan_inputs({**NOTHING, "events": toy_events()}, settings)["baseline"]
    for n_signal in settings.n_signal:
        cells = [Cell(mode, "baseline", n_signal) for mode in modes]
        counts = {
            prepare(inputs, settings.of_cell(cell), cell.view).counts["data"] for cell in cells
        }
        assert len(counts) == 1
    # Without a mode that needs the share nobody loses it.
    assert inputs.shares_template == ("idealised" in modes)


def test_a_rehearsal_trains_nothing_and_is_as_large_as_the_sample(monkeypatch):
    from raysearch.density import fit as density

    settings = ScanSettings(n_signal=(100,), modes=("cathode",), cathode=QUICK_CATHODE)
    inputs = scan_inputs({**NOTHING, "events": toy_events()}, settings)
    cell = Cell("cathode", "baseline", 100)
    true = prepare(inputs["baseline"], settings.of_cell(cell), cell.view).sample
    monkeypatch.setattr(density, "fit_density", None)
    found = rehearsals(inputs, settings)[cell]
    assert len(found.sample.rows.is_data) == len(true.rows.is_data)
    assert len(found.learned) > 500


def test_the_surrogate_is_one_and_the_same_for_every_strength():
    settings = ScanSettings(n_signal=(0, 50), modes=("idealised",))
    inputs = scan_inputs(NOTHING, settings)["baseline"]
    assert inputs.events.labels.any()


def test_events_in_memory_and_their_file_have_one_hash(tmp_path):
    events = toy_events(200, 20)
    write_columns(tmp_path / "e.h5", events)
    in_memory, of_file = (hashes({**NOTHING, "events": e}) for e in (events, tmp_path / "e.h5"))
    assert in_memory == of_file
    assert set(of_file) == {"events"}
