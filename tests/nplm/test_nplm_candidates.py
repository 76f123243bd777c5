"""What a candidate says, and what it leaves to the test it is a candidate of."""

from dataclasses import replace

import numpy as np
import pytest
from nplm_toys import points, two_samples

import raysearch
from raysearch.nplm import Candidate, interface
from raysearch.nplm.conduct import toy_seeds
from raysearch.nplm.question import Question
from raysearch.nplm.settings import NplmSettings


def test_lists_in_a_candidate_are_as_good_as_tuples(monkeypatch, tmp_path):
    """Settings are a key of a cache: a list among them would end a test after its selection."""
    asked = []

    def chain(question, *_):
        asked.append(question.settings)
        raise KeyboardInterrupt

    monkeypatch.setattr(interface, "run_chain", chain)
    data, reference, signal = two_samples()
    candidates = [Candidate(["x0"], [1, 2])]
    with pytest.raises(KeyboardInterrupt):
        raysearch.nplm_test(data, reference, signal=signal, select=candidates, out=tmp_path)
    assert len(toy_seeds(asked[0], None)) == 1000
    assert asked[0].select == (Candidate(("x0",), (1.0, 2.0)),)


@pytest.mark.parametrize(
    ("candidate", "sigmas", "centres"),
    [
        (Candidate(("x0",)), (0.7, 1.4), 50),
        (Candidate((), (2.0,)), (2.0,), 50),
        (Candidate((), (), 30), (0.7, 1.4), 30),
    ],
)
def test_what_a_candidate_does_not_name_stays_as_the_test_has_it(candidate, sigmas, centres):
    samples = {"data": points(np.zeros((9, 2))), "reference": points(np.zeros((99, 2)))}
    settings = NplmSettings(sigmas=(0.7, 1.4), centres=50)
    asked = Question(samples, settings).with_candidate(candidate)
    assert asked.settings == replace(settings, sigmas=sigmas, centres=centres)
    assert asked.points["data"].columns == (candidate.columns or ("x0", "x1"))
