"""One and eight workers, batches of any size: the same toys and the same p."""

import json
import subprocess
import sys

import numpy as np
import pytest

PROGRAM = """
import json, sys
import numpy as np
import ray
import raysearch
import raysearch.nplm.conduct as conduct

cpus, batch, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
run = conduct.conduct
import raysearch.nplm.chain as chain
chain.conduct = lambda course, runner: run(course, runner, batch)
ray.init("local", num_cpus=cpus, include_dashboard=False, log_to_driver=False)
rng = np.random.default_rng(0)
data, reference = rng.normal(size=(200, 2)), rng.normal(size=(2000, 2))
result = raysearch.nplm_test(
    data, reference, sigma=[0.7, 1.5], centres=40, toys=120, out=out, say=lambda line: None
)
ray.shutdown()
np.save(out + "/t.npy", result.toy_t)
print(json.dumps([result.t, *result.p_empirical, *result.p_asymptotic]))
"""


@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_workers_and_batches_play_no_part_in_p(tmp_path):
    found, t = [], []
    for cpus, batch in ((1, 25), (8, 7)):
        out = tmp_path / f"{cpus}"
        words = [sys.executable, "-c", PROGRAM, str(cpus), str(batch), str(out)]
        ended = subprocess.run(words, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        found.append(json.loads(ended.stdout.splitlines()[-1]))
        t.append(np.load(out / "t.npy"))
    np.testing.assert_allclose(t[1], t[0], rtol=0, atol=1e-9)
    assert found[1][:4] == pytest.approx(found[0][:4], rel=0, abs=1e-9)
    assert found[1] == pytest.approx(found[0], rel=1e-9)
