"""A pickle that tells when it is run, which no file of a user must ever be."""

import pickle

import pytest

RAN = []


def spring(what):
    """What the pickle calls; it must be found by name, as an attacker's would be."""
    RAN.append(what)


class Hostile:
    """Calls a function when it is unpickled."""

    def __reduce__(self):
        return spring, ("unpickled",)


@pytest.fixture
def ran():
    """What pickles have called during a test."""
    RAN.clear()
    pickle.loads(pickle.dumps(Hostile()))
    assert RAN == ["unpickled"], "the trap does not work"
    RAN.clear()
    return RAN
