"""What is held for the same test: all that decides a toy, and nothing by name alone."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from nplm_toys import exponential, points, two_samples

from raysearch.errors import InputError
from raysearch.nplm import plan
from raysearch.nplm.nuisances import Nuisance
from raysearch.nplm.question import Question
from raysearch.nplm.settings import NplmSettings
from raysearch.nplm.store import SCHEMA, TOYS, check_directory, open_store, toys_table
from raysearch.schemas import write_table

DATA, REFERENCE, _ = two_samples(n_reference=500, n_data=50)
SAMPLES = {"data": points(DATA), "reference": points(REFERENCE, np.ones(500))}
SETTINGS = NplmSettings(sigmas=(1.0,))
CHOSEN = {"penalty": 1e-6, "sigmas": [1.0]}


def asked(**question):
    return plan.asked(Question(**question))


def term(points, power=1):
    return points[:, 0] ** power


def scaled(rng, n, width=1.0):
    return width * exponential(rng, n)


def changed(name, **parts):
    return {**SAMPLES, name: replace(SAMPLES[name], **parts)}


BASE = {"points": SAMPLES, "settings": SETTINGS}
OTHERS = [
    ({"points": changed("reference", weights=np.linspace(1, 2, 500))}, "inputs"),
    ({"points": changed("reference", values=REFERENCE + 1)}, "inputs"),
    ({"points": changed("data", identity=DATA + 1)}, "inputs"),
    ({"points": changed("reference", weight_column="w")}, "weights"),
    ({"nuisances": (Nuisance("a", 0.1, (partial(term, power=3),)),)}, "nuisances"),
    ({"nuisances": (Nuisance("a", 0.2, (term,)),)}, "nuisances"),
    ({"sampler": partial(scaled, width=2.0)}, "sampler"),
    ({"device": "cuda"}, "device"),
    ({"settings": replace(SETTINGS, seed=9)}, "seed"),
]


@pytest.mark.parametrize(("change", "key"), OTHERS)
def test_another_test_is_told_by_what_differs(change, key, tmp_path):
    base = {**BASE, "nuisances": (Nuisance("a", 0.1, (term,)),), "sampler": partial(scaled)}
    open_store(tmp_path, (1.0,), asked(**base), CHOSEN)
    check_directory(tmp_path, asked(**base))
    with pytest.raises(InputError, match=f"differs in {key}[,;]"):
        check_directory(tmp_path, asked(**(base | change)))


def test_more_toys_and_another_aggregate_are_the_same_test():
    more = replace(SETTINGS, toys=9000, aggregate="prod-p", inject=(3,))
    assert asked(points=SAMPLES, settings=more) == asked(**BASE)


def test_what_rules_chose_must_agree(tmp_path):
    open_store(tmp_path, (1.0,), asked(**BASE), CHOSEN)
    with pytest.raises(InputError, match="differs in penalty"):
        open_store(tmp_path, (1.0,), asked(**BASE), {**CHOSEN, "penalty": 1e-5})


def test_toys_of_other_widths_are_not_taken_over(tmp_path):
    open_store(tmp_path, (1.0,), asked(**BASE), CHOSEN)
    write_table(tmp_path / TOYS, toys_table([1, 2], np.ones((2, 2)), (2.0,)), SCHEMA)
    with pytest.raises(InputError, match=r"at the kernel widths of the test, \[1\.0\] first"):
        open_store(tmp_path, (1.0,), asked(**BASE), CHOSEN)


def test_a_file_is_no_directory(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"must be a directory, but .*file is a file"):
        check_directory(tmp_path / "file", asked(**BASE))
