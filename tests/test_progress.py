"""The lines of progress."""

from raysearch.objectives import VAL_LOSS, VAL_SIC
from raysearch.progress import Progress
from raysearch.records import Record


def lines(objective, *records, done=0, trials=10):
    said = []
    progress = Progress(objective, done, trials, said.append)
    for index, record in enumerate(records, start=done):
        progress(index, record)
    return said


def complete(**metrics):
    return Record("COMPLETE", {k: [v] for k, v in metrics.items()}, 1, 1.5, None, "hgb")


def test_the_best_so_far_follows_the_direction():
    up = lines(VAL_SIC, complete(val_sic=0.1), complete(val_sic=0.3), complete(val_sic=0.2))
    assert "val_sic 0.2000  best 0.3000" in up[-1]
    down = lines(VAL_LOSS, complete(val_loss=0.7), complete(val_loss=0.6), complete(val_loss=0.65))
    assert "val_loss 0.6500  best 0.6000" in down[-1]


def test_a_failure_says_why_and_a_stop_says_when():
    failed = Record("FAIL", {}, 0, 0.1, "ValueError: scores must be finite", "mlp")
    pruned = Record("PRUNED", {"val_sic": [0.9]}, 5, 2.0, None, "mlp")
    said = lines(VAL_SIC, complete(val_sic=0.1), failed, pruned, complete(val_sic=0.2))
    assert "failed: ValueError: scores must be finite" in said[1]
    assert "val_sic 0.9000  stopped early after 5 epochs" in said[2]
    assert "best 0.2000" in said[3]


def test_a_resumed_study_counts_on():
    (line,) = lines(VAL_SIC, complete(val_sic=0.1), done=6)
    assert line.startswith("[  7/10] trial 00006 hgb")
    assert "s of search left" in line
