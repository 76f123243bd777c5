import numpy as np
import pytest
from event_stores import FEATURES, jets, write_plain, write_raw, write_store

from raysearch.errors import InputError
from raysearch.events import read_events, swollen, write_columns
from raysearch.events.sharded import _blocks, _shards, read_sharded

pytestmark = [
    pytest.mark.xdist_group("ray"),
    pytest.mark.usefixtures("local_ray"),
    # Ray's own DataContext sets its deprecated fields.
    pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning:ray.data"),
]


def gathered(dataset):
    """All rows in the order of the files."""
    dataset.context.execution_options.preserve_order = True
    batches = list(dataset.iter_batches(batch_size=None, batch_format="numpy"))
    return {name: np.concatenate([b[name] for b in batches]) for name in batches[0]}


@pytest.mark.parametrize("parallelism", [None, 1, 3, 100])
def test_equals_read_events(features_file, events, parallelism):
    rows = gathered(read_sharded(features_file, parallelism=parallelism))
    np.testing.assert_array_equal(rows["features"], events.features)
    np.testing.assert_array_equal(rows["mjj_tev"], events.mjj_tev)
    np.testing.assert_array_equal(rows["label"], events.labels)
    assert rows["features"].dtype == np.float32


def test_several_files_and_chosen_columns(tmp_path):
    paths = [
        write_store(tmp_path / f"{i}.h5", jets(FEATURES, 100 * i, seed=i), chunk_rows=30)
        for i in (1, 2)
    ]
    rows = gathered(read_sharded(paths, columns=["tau21j2", "mj1"], parallelism=4))
    whole = [read_events(path) for path in paths]
    for position, name in enumerate(("tau21j2", "mj1")):
        expected = np.concatenate([events.column(name) for events in whole])
        np.testing.assert_array_equal(rows["features"][:, position], expected)
    assert "label" not in rows


def test_chosen_columns_of_a_columns_file(tmp_path, features_file):
    wanted = ["tau32j2", "delta_r"]
    write_columns(tmp_path / "f.h5", read_events(features_file))
    for path in (features_file, tmp_path / "f.h5"):
        rows = gathered(read_sharded(path, columns=wanted, parallelism=2))
        events = read_events(path, wanted)
        np.testing.assert_array_equal(rows["features"], events.features)
        np.testing.assert_array_equal(rows["mjj_tev"], events.mjj_tev)
        np.testing.assert_array_equal(rows["label"], events.labels)


def test_many_small_blocks(features_file, events, monkeypatch):
    monkeypatch.setattr("raysearch.events.sharded._BLOCK_BYTES", 64)
    from raysearch.events.sharded import EventsDatasource, _shards

    tasks = EventsDatasource(_shards([features_file], None)).get_read_tasks(2)
    blocks = [block for task in tasks for block in task()]
    assert len(blocks) == 8
    assert sum(block.num_rows for block in blocks) == len(events)


def test_columns_layout(tmp_path):
    mjj = np.linspace(3, 4, 50)
    path = write_plain(tmp_path / "f", units={"mjj": "GeV"}, mjj=1000 * mjj, x=mjj)
    rows = gathered(read_sharded(str(path), parallelism=3))
    np.testing.assert_array_equal(rows["mjj_tev"], read_events(path).mjj_tev)
    assert rows["features"].shape == (50, 1)


@pytest.mark.parametrize("label", [True, False])
def test_particles(tmp_path, label):
    particles, labels = write_raw(tmp_path / "f", label=label)
    rows = gathered(read_sharded(tmp_path / "f", parallelism=2))
    np.testing.assert_array_equal(rows["particles"], particles.astype(np.float32))
    assert ("label" in rows) == label
    if label:
        np.testing.assert_array_equal(rows["label"], labels == 1)


def test_errors_come_before_any_task(tmp_path, features_file):
    with pytest.raises(InputError, match="at least one file"):
        read_sharded([])
    with pytest.raises(InputError, match=r"columns mj, but does not \(the nearest: mj1\)"):
        read_sharded(features_file, columns=["mj"])
    unlabelled = write_store(tmp_path / "f", jets(FEATURES))
    with pytest.raises(InputError, match="read them apart"):
        read_sharded([features_file, unlabelled])
    write_raw(tmp_path / "raw")
    with pytest.raises(InputError, match="no columns to choose"):
        read_sharded(tmp_path / "raw", columns=["mj1"])


def test_the_chunks_of_a_file_that_is_known_are_not_looked_at_again(tmp_path, monkeypatch):
    looked = []
    check = swollen._check_chunks
    monkeypatch.setattr(swollen, "_check_chunks", lambda *of: looked.append(of) or check(*of))
    path = write_store(tmp_path / "f.h5", jets(FEATURES, 100), chunk_rows=30)
    (shard,) = _shards([path], None)
    once = len(looked)
    assert once > 0
    rows = [len(block) for first in (0, 50) for block in _blocks(shard, first, first + 50)]
    assert sum(rows) == 100
    assert len(looked) == once
