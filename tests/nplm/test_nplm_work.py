"""How toys are divided into batches."""

from hypothesis import given
from hypothesis import strategies as st

from raysearch.nplm.work import in_batches


@given(st.integers(0, 3000), st.integers(1, 60))
def test_every_toy_is_in_one_batch_and_the_last_batches_are_small(toys, batch_toys):
    batches = in_batches(7, range(toys), batch_toys)
    assert [seed for batch in batches for seed in batch.seeds] == list(range(toys))
    assert all(0 < len(batch.seeds) <= batch_toys and batch.n_signal == 7 for batch in batches)
    small = [batch for batch in batches if 5 * len(batch.seeds) < batch_toys + 5]
    assert sum(len(batch.seeds) for batch in small) >= toys // 20
    # Small ones cost more of what is done once a batch.
    assert len(batches) <= toys / batch_toys + toys / 20 * 5 / batch_toys + 2
