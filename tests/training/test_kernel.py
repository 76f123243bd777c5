"""The compiled kernel: every library that this processor can run does the same arithmetic."""

import ctypes
import re
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import raysearch.training
from raysearch.training import kernel as module
from raysearch.training.batches import Table
from raysearch.training.eager import EagerPack
from raysearch.training.kernel import Kernel, Network, Training
from raysearch.training.native import NativePack
from raysearch.training.settings import MemberSettings

SOURCE = Path(raysearch.training.__file__).with_name("kernel.c")
RUNNABLE = {"DEFAULT": 1, "AVX2": 2, "AVX512": 3}.get(torch.backends.cpu.get_cpu_capability(), 1)
NAMES = ["_kernel", "_kernel_avx2", "_kernel_avx512"][:RUNNABLE]


def library(name):
    found = find_spec(f"raysearch.training.{name}")
    if found is None:
        pytest.skip(f"{name} was not built here")
    return Kernel(Path(found.origin))


def problem(n, d, seed):
    rng = np.random.default_rng(seed)
    is_data = np.arange(n) % 3 == 0
    return (rng.normal(size=(n, d)) + is_data[:, None]).astype(np.float32), is_data


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15)
@given(
    n=st.integers(3, 300),
    d=st.integers(1, 20),
    hidden=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    batch_size=st.integers(1, 200),
    dropout=st.sampled_from([0.0, 0.4]),
    bins=st.sampled_from([0, 1, 6]),
)
def test_one_epoch_equals_that_in_torch(name, n, d, hidden, batch_size, dropout, bins):
    features, is_data = problem(n, d, seed=n)
    # Weight decay keeps every gradient away from zero, where Adam would enlarge its rounding.
    member = MemberSettings(
        np.arange(n), 3, batch_size, learning_rate=1e-4, weight_decay=0.1, dropout=dropout
    )
    native = NativePack(library(name), features, is_data, [member], tuple(hidden), bins)
    table = Table(features, is_data, torch.device("cpu"))
    eager = EagerPack(table, [member], tuple(hidden), bins)
    for pack in (native, eager):
        pack.run_epoch(0)
    torch.testing.assert_close(
        native.networks().parameters, eager.networks().parameters, rtol=1e-3, atol=3e-5
    )


@pytest.mark.parametrize(("name", "structure"), [("network", Network), ("training", Training)])
def test_python_and_c_describe_the_same_memory(name, structure):
    fields = re.search(r"typedef struct \{([^}]*)\} " + name + ";", SOURCE.read_text()).group(1)
    code = re.sub(r"/\*.*?\*/", "", fields, flags=re.DOTALL)
    in_c = [
        (variable.strip(" *"), "*" in variable or "*" in statement.split(",")[0])
        for statement in code.split(";")
        if statement.strip()
        for variable in re.sub(r"^\s*(const )?\w+ ", "", statement.strip()).split(",")
    ]
    in_python = [(field, kind is ctypes.c_void_p) for field, kind in structure._fields_]
    assert in_c == in_python


@pytest.fixture
def built(monkeypatch, tmp_path):
    """Finds the kernel of an AVX-512 processor among libraries that were built, or are broken."""

    def of(*names, broken=()):
        def find(name):
            own = name.rpartition(".")[2]
            return SimpleNamespace(origin=str(tmp_path / own)) if own in names else None

        class Loaded:
            def __init__(self, path):
                if path.name in broken:
                    raise OSError("invalid ELF header")
                self.name = path.name

        monkeypatch.setattr(module, "find_spec", find)
        monkeypatch.setattr(module, "Kernel", Loaded)
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
        found = module.kernel.__wrapped__()
        return found and found.name

    return of


def test_the_best_library_that_loads_is_taken(built, caplog):
    everything = "_kernel_avx512", "_kernel_avx2", "_kernel"
    assert built(*everything) == "_kernel_avx512"
    assert built("_kernel_avx2", "_kernel") == "_kernel_avx2"
    assert not caplog.records
    assert built(*everything, broken=everything[:1]) == "_kernel_avx2"
    assert "invalid ELF header" in caplog.text
    assert built(*everything, broken=everything) is None
    assert "trained in torch" in caplog.text


def test_a_library_of_another_version_is_refused(monkeypatch):
    name = NAMES[0]
    library(name)

    class Longer(ctypes.Structure):
        _fields_ = (*Network._fields_, ("more", ctypes.c_int64))

    monkeypatch.setattr(module, "Network", Longer)
    with pytest.raises(OSError, match="of another version; install raysearch again"):
        library(name)
