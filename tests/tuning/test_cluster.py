"""What workers find in the object store."""

import pytest
import ray
from toys import toy_sample

from raysearch.tuning.cluster import share

pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.filterwarnings("default")]


def test_workers_get_the_ranks_of_the_features_without_sorting_them(local_ray):
    @ray.remote
    def seen(sample):
        kept = vars(sample.rows)["ranks"]
        return kept.of_rows.tolist(), kept.of_rows.flags.writeable

    sample = toy_sample(n_data=1000, n_template=1000)
    of_rows, is_a_copy = ray.get(seen.remote(share(sample)))
    assert of_rows == sample.rows.ranks.of_rows.tolist()
    assert not is_a_copy
