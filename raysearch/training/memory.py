"""How much memory a pack needs, and hence how many networks fit on a device.

Counted from the shapes of the tensors that `EagerPack`, `Networks.logits` and the metrics hold at
the same time; a test compares the count with what torch has allocated.
"""

from __future__ import annotations

from dataclasses import dataclass

from raysearch.training.batches import BLOCK_BYTES
from raysearch.training.layout import Layout
from raysearch.training.networks import ACCELERATOR_BLOCK_BYTES, CPU_BLOCK_BYTES

_FLOAT, _LONG = 4, 8
# Parameters, their gradient, Adam's two moments and its scratch, and two copies while snapshots of
# groups are merged to one.
_COPIES = 7
# Dropout multiplies the weights: a scaled copy and the scale.
_COPIES_FOR_DROPOUT = 2
# What a metric holds for each scored event: score, sorted score, its place, class, three shares in
# double precision and as many temporaries.
_METRIC_BYTES = 2 * _FLOAT + _LONG + 1 + 6 * 8
# What networks that are judged at the same time may take on an accelerator together.
_JUDGING_BYTES = 1 << 30
# Left to the device's own context, fragmentation and the libraries' workspaces.
_USABLE = 0.8
GIB = 1 << 30


def members_judged_at_once(scored: int) -> int:
    """How many networks an accelerator judges in one pass, on so many events each."""
    return max(1, _JUDGING_BYTES // (scored * _METRIC_BYTES))


@dataclass(frozen=True)
class Workload:
    """What decides the memory of a pack.

    Attributes:
        layout: of every network.
        batch_size: rows per step and network.
        rows: that each network trains on.
        scored: events that are scored together after an epoch.
        dropout: whether some network drops activations.
        table_rows: of the table that networks choose theirs from; None if they train on all.
    """

    layout: Layout
    batch_size: int
    rows: int
    scored: int
    dropout: bool = True
    table_rows: int | None = None

    def shared_bytes(self) -> int:
        """Memory that does not grow with the pack: the table of all rows and a block of inputs."""
        table_rows = self.rows if self.table_rows is None else self.table_rows
        # The last block of inputs and the next, whose rows are kept until they are encoded.
        blocks = 3 if self.layout.bins else 2
        return table_rows * (self.layout.inputs + 1) * _FLOAT + blocks * BLOCK_BYTES

    @property
    def _inputs(self) -> int:
        """Of a row while it is encoded: the features, and what is made of them."""
        return self.layout.inputs + self.layout.encoded

    def bytes_per_member(self) -> int:
        """Memory that each network adds while it trains."""
        units, widest = sum(self.layout.hidden), max(self.layout.hidden)
        copies = _COPIES + (_COPIES_FOR_DROPOUT if self.dropout else 0)
        of_step = self.batch_size * (self._inputs + units + 2 * widest + 1) * _FLOAT
        if self.dropout:
            of_step += self.batch_size * (2 * units + widest * _FLOAT)
        # Rows, shuffled rows and the shuffle; then targets, weights and two temporaries of theirs.
        of_epoch = self.rows * (3 * _LONG + 5 * _FLOAT)
        return copies * self.layout.size * _FLOAT + of_step + of_epoch

    def scoring_bytes(self, judged: int, *, accelerator: bool = True) -> int:
        """Memory for scoring that does not grow with the pack.

        The activations of two layers and their inputs, block by block; on an accelerator also the
        validation events of the networks of one trial, the test events and the classes of both,
        which stay there.
        """
        block = ACCELERATOR_BLOCK_BYTES if accelerator else CPU_BLOCK_BYTES
        inputs, widest = self.layout.inputs, max(self.layout.encoded, *self.layout.hidden)
        scratch = 2 * block + 2 * block * self._inputs // widest
        if not accelerator:
            return scratch
        return scratch + self.scored * ((judged + 1) * inputs * _FLOAT + 2 * judged)

    def judging_bytes_per_member(self) -> int:
        """Memory that each network adds while it is judged."""
        return self.scored * _METRIC_BYTES

    def largest_pack(self, device_bytes: int, judged: int, *, accelerator: bool = True) -> int:
        """Networks that fit into this much memory, at least 1.

        Args:
            device_bytes: of the device, or what is free of it.
            judged: networks of one trial, which are judged at the same time.
            accelerator: whether it is one, which judges many trials at the same time.

        Example:
            >>> small = Workload(Layout(5, (64, 64, 64)), 128, 60_000, 60_000)
            >>> small.largest_pack(16 * GIB, judged=10) > 1000
            True
        """
        left = _USABLE * device_bytes - self.shared_bytes()
        left -= self.scoring_bytes(judged, accelerator=accelerator)
        at_once = max(judged, members_judged_at_once(self.scored) if accelerator else 1)
        training, judging = self.bytes_per_member(), self.judging_bytes_per_member()
        all_judged = int(left // (training + judging))
        if all_judged <= at_once:
            return max(1, all_judged)
        return int((left - at_once * judging) // training)


def expected_packs(workload: Workload, judged: int) -> str:
    """How many networks would fit on usual devices, in words."""
    fit = {gib: workload.largest_pack(gib * GIB, judged) for gib in (16, 80)}
    sizes = " and ".join(f"{count} networks on {gib} GiB" for gib, count in fit.items())
    hidden = " x ".join(map(str, workload.layout.hidden))
    return f"a GPU's memory holds a pack of up to {sizes} ({hidden} units, {workload.rows} rows)"
