import numpy as np
import pytest
from event_stores import FEATURES, jets

from raysearch.events.dijets import Subjettiness, dijet_columns, dijets, needed_columns

TAUS = Subjettiness(3)


def derived(columns):
    names = ("mjj", *dijet_columns(TAUS))
    with np.errstate(all="ignore"):
        return dict(zip(names, dijets(columns, names[1:], TAUS), strict=True))


def one_event(**values):
    return {name: np.array([values.get(name, 0.0)]) for name in FEATURES}


def test_names():
    assert needed_columns(TAUS) == tuple(sorted(FEATURES, key=lambda n: n.startswith("tau")))
    assert dijet_columns(TAUS)[:6] == ("mj1", "delta_mj", "delta_r", "tau1j1", "tau2j1", "tau3j1")
    assert dijet_columns(TAUS)[-4:] == ("tau21j1", "tau32j1", "tau21j2", "tau32j2")


def test_back_to_back_jets():
    out = derived(one_event(pxj1=300.0, mj1=400.0, pxj2=-300.0, mj2=400.0))
    assert out["mjj"] == pytest.approx(1.0)
    assert out["delta_r"] == pytest.approx(np.pi)


def test_against_textbook_formulas():
    c = jets(FEATURES)
    out = derived(c)
    eta, phi = [], []
    for j in "12":
        pt = np.hypot(c[f"pxj{j}"], c[f"pyj{j}"])
        eta.append(np.arcsinh(c[f"pzj{j}"] / pt))
        phi.append(np.arctan2(c[f"pyj{j}"], c[f"pxj{j}"]))
    turn = np.abs(phi[0] - phi[1])
    np.testing.assert_allclose(
        out["delta_r"], np.hypot(eta[0] - eta[1], np.minimum(turn, 2 * np.pi - turn)), rtol=1e-9
    )
    momentum = {j: np.array([c[f"p{x}j{j}"] for x in "xyz"]) for j in "12"}
    energy = sum(np.sqrt((momentum[j] ** 2).sum(0) + c[f"mj{j}"] ** 2) for j in "12")
    total = momentum["1"] + momentum["2"]
    np.testing.assert_allclose(out["mjj"], np.sqrt(energy**2 - (total**2).sum(0)) / 1000, rtol=1e-9)


def test_the_lighter_jet_comes_first_whatever_the_order():
    c = jets(FEATURES)
    exchanged = {name[:-1] + {"1": "2", "2": "1"}[name[-1]]: v for name, v in c.items()}
    out, other = derived(c), derived(exchanged)
    assert (out["delta_mj"] >= 0).all()
    lighter = c["mj1"] < c["mj2"]
    np.testing.assert_array_equal(out["tau1j1"], np.where(lighter, c["tau1j1"], c["tau1j2"]))
    for name, values in out.items():
        np.testing.assert_allclose(values, other[name], rtol=1e-12)


def test_zero_over_zero_is_zero_and_other_zero_divisions_stay_infinite():
    out = derived(one_event(mj1=1.0, tau2j2=0.1, tau3j2=0.2))
    assert [out["tau21j1"][0], out["tau21j2"][0]] == [np.inf, 0]
    assert [out["tau32j1"][0], out["tau32j2"][0]] == [2, 0]


def test_an_absent_second_jet_is_finite():
    out = derived(one_event(pxj1=1000.0, pzj1=50.0, mj1=10.0))
    assert all(np.isfinite(values).all() for values in out.values())


def test_only_what_is_wanted_is_computed():
    c = jets(FEATURES)
    for name in FEATURES:
        if name.startswith("tau"):
            del c[name]
    wanted = ["delta_r", "mj1"]
    mjj, delta_r, mj1 = dijets(c, wanted, TAUS)
    out = derived(jets(FEATURES))
    for name, values in (("mjj", mjj), ("delta_r", delta_r), ("mj1", mj1)):
        np.testing.assert_array_equal(values, out[name])
