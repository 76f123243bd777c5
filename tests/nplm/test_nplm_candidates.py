"""What a candidate says, and what it leaves to the test it is a candidate of."""

import pytest
from nplm_toys import two_samples

import raysearch
from raysearch.nplm import Candidate, interface
from raysearch.nplm.conduct import toy_seeds


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
