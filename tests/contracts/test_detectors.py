"""What every detector owes."""

import dataclasses

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score
from toys import QUICK, fitted, toy_rows, two_members

from raysearch.detectors import DETECTORS, Member, detector
from raysearch.errors import InputError
from raysearch.samples import Rows


@pytest.fixture(scope="module")
def small_problem():
    return toy_rows(400, 400, 60)


@pytest.fixture(scope="module")
def snapshots(small_problem):
    """Name -> two members, trained on the two halves of the rows."""
    return {
        name: fitted(detector(name), small_problem, two_members(800), QUICK[name])
        for name in DETECTORS
    }


def agree(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def mean_auc(snapshot, n=1000, shift=3.0):
    background, signal = np.random.default_rng(9).normal(size=(2, n, 3))
    scores = snapshot.scores(np.concatenate([background, signal + shift]).astype(np.float32))
    return roc_auc_score(np.arange(2 * n) >= n, expit(scores).mean(axis=0))


def test_every_detector_is_listed_here():
    assert set(QUICK) == set(DETECTORS)


def test_rows_hold_nothing_but_features_and_class():
    assert [field.name for field in dataclasses.fields(Rows)] == ["features", "is_data"]


@pytest.mark.parametrize("name", DETECTORS)
class TestDetector:
    def test_it_is_found_by_its_name(self, name):
        assert detector(name).name == name
        with pytest.raises(InputError, match=f"did you mean '{name}'"):
            detector(name + "s")

    def test_scores_are_finite_and_one_per_event_and_member(self, name, snapshots, small_problem):
        scores = snapshots[name].scores(small_problem.features)
        assert scores.shape == (2, 800)
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()

    def test_scores_are_finite_far_from_the_training_rows(self, name, snapshots):
        far = np.full((4, 3), 1e4, np.float32) * np.array([[1], [-1], [0], [100]], np.float32)
        assert np.isfinite(snapshots[name].scores(far)).all()

    def test_shared_events_and_blocks_of_them_score_alike(self, name, snapshots, small_problem):
        blocks = small_problem.features[np.stack([np.arange(300), np.arange(500, 800)])]
        shared = snapshots[name].scores(small_problem.features)
        expected = np.stack([shared[0, :300], shared[1, 500:]])
        agree(snapshots[name].scores(blocks), expected)

    def test_an_events_score_does_not_depend_on_its_company(self, name, snapshots, small_problem):
        whole = snapshots[name].scores(small_problem.features)
        agree(snapshots[name].scores(small_problem.features[5:6]), whole[:, 5:6])

    def test_equal_seeds_give_equal_scores(self, name, snapshots, small_problem):
        again = fitted(detector(name), small_problem, two_members(800), QUICK[name])
        agree(again.scores(small_problem.features), snapshots[name].scores(small_problem.features))

    def test_a_member_does_not_depend_on_the_others(self, name, snapshots, small_problem):
        alone = fitted(detector(name), small_problem, two_members(800)[1:], QUICK[name])
        whole = snapshots[name].scores(small_problem.features)
        np.testing.assert_allclose(
            alone.scores(small_problem.features)[0], whole[1], rtol=1e-3, atol=1e-3
        )

    def test_a_strong_signal_is_ranked_above_background(self, name, snapshots):
        assert mean_auc(snapshots[name]) > 0.9

    def test_pure_noise_gives_no_preference(self, name):
        rows = toy_rows(1000, 1000, 0)
        noise = fitted(detector(name), rows, two_members(2000), QUICK[name])
        assert mean_auc(noise, shift=0.0) == pytest.approx(0.5, abs=0.05)

    def test_unequal_classes_weigh_the_same(self, name):
        rows = toy_rows(400, 1600, 0)
        # Unweighted, the mean would be that of the classes, 0.2; AdaBoost's hard votes lean a bit.
        odds = fitted(detector(name), rows, two_members(2000), QUICK[name], epochs=5)
        assert expit(odds.scores(rows.features)).mean() == pytest.approx(0.5, abs=0.1)

    def test_saved_and_loaded_scores_agree(self, name, snapshots, small_problem, tmp_path):
        snapshots[name].save(tmp_path)
        loaded = detector(name).load(tmp_path)
        expected = snapshots[name].scores(small_problem.features)
        np.testing.assert_array_equal(loaded.scores(small_problem.features), expected)

    def test_a_directory_without_a_detector_is_an_input_error(self, name, tmp_path):
        with pytest.raises(InputError, match="must hold"):
            detector(name).load(tmp_path)

    def test_a_truncated_file_is_an_input_error(self, name, snapshots, tmp_path):
        snapshots[name].save(tmp_path)
        largest = max(tmp_path.iterdir(), key=lambda path: path.stat().st_size)
        largest.write_bytes(largest.read_bytes()[:100])
        with pytest.raises(InputError, match="must hold"):
            detector(name).load(tmp_path)

    def test_taken_members_stand_in_the_order_asked(self, name, snapshots, small_problem):
        taken = snapshots[name].take([1, 0, 1]).scores(small_problem.features)
        agree(taken, snapshots[name].scores(small_problem.features)[[1, 0, 1]])

    def test_merged_snapshots_hold_all_members_in_order(self, name, snapshots, small_problem):
        parts = [snapshots[name].take([1]), snapshots[name]]
        merged = detector(name).merge(parts).scores(small_problem.features)
        agree(merged, snapshots[name].scores(small_problem.features)[[1, 0, 1]])

    def test_validation_rows_do_not_train(self, name, snapshots, small_problem):
        # QUICK keeps the trees too few to stop early.
        members, changed = two_members(800), small_problem.features.copy()
        changed[members[0].validation] = 5.0
        other = fitted(
            detector(name), Rows(changed, small_problem.is_data), members[:1], QUICK[name]
        )
        expected = snapshots[name].take([0]).scores(small_problem.features)
        agree(other.scores(small_problem.features), expected)

    def test_rows_of_no_member_change_nothing(self, name, small_problem):
        member = [Member(np.arange(0, 600, 2), np.arange(1, 600, 2), 3)]
        member[0].train[150:] += 200  # both classes; rows 300 to 499 stay unused
        unused = np.setdiff1d(np.arange(800), np.r_[member[0].train, member[0].validation])
        changed = Rows(small_problem.features.copy(), small_problem.is_data.copy())
        changed.features[unused], changed.is_data[unused] = -7.0, ~changed.is_data[unused]
        before, after = (
            fitted(detector(name), rows, member, QUICK[name]).scores(small_problem.features)
            for rows in (small_problem, changed)
        )
        agree(before, after)

    def test_fitting_leaves_the_rows_as_they_were(self, name, small_problem):
        features, is_data = small_problem.features.copy(), small_problem.is_data.copy()
        features.setflags(write=False)  # as in Ray's object store
        is_data.setflags(write=False)
        frozen = Rows(features, is_data)
        fitted(detector(name), frozen, two_members(800), QUICK[name], epochs=1).scores(features)
        np.testing.assert_array_equal(features, small_problem.features)

    def test_an_unknown_parameter_is_refused_with_the_nearest(self, name, small_problem):
        known = max(detector(name).defaults)
        with pytest.raises(InputError, match=f"unknown {name} parameter .* '{known}'"):
            fitted(detector(name), small_problem, two_members(800), {f"{known}s": 0.1})

    def test_its_defaults_cannot_be_changed(self, name):
        with pytest.raises(TypeError):
            detector(name).defaults["learning_rate"] = 0.5

    def test_its_final_ensemble_is_whole_partitions(self, name):
        assert detector(name).ensemble_size % 5 == 0
