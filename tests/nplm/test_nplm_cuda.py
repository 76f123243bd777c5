"""The same t on a GPU; where there is none, it is said at once."""

import numpy as np
import pytest
import torch
from nplm_toys import pool, two_samples

import raysearch
from raysearch.nplm.nuisances import normalisation
from raysearch.nplm.pool import draw_toy
from raysearch.nplm.prepare import make_statistic
from raysearch.nplm.settings import NplmSettings

SETTINGS = NplmSettings(sigmas=(0.7,), centres=40, penalty=1e-6)
NEURAL = NplmSettings(method="neural", clip=5.0, steps=20, starts=1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_is_refused_before_anything(tmp_path):
    data, reference, _ = two_samples()
    with pytest.raises(raysearch.InputError, match="needs a GPU where the test is prepared"):
        raysearch.nplm_test(data, reference, device="cuda", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("settings", [SETTINGS, NEURAL])
@pytest.mark.parametrize("nuisances", [(), (normalisation(0.1),)])
def test_t_is_that_of_the_host(settings, nuisances):
    of = pool(expected=300.0, n_nuisances=len(nuisances))
    draws = [draw_toy(of, seed) for seed in range(3)]
    t = [make_statistic(of, settings, nuisances, d)[0].values(draws) for d in ("cpu", "cuda")]
    np.testing.assert_allclose(t[1], t[0], atol=1e-6)
