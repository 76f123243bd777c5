"""The partition of parameters against Optuna's own."""

import optuna
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.search_space.group_decomposed import _SearchSpaceGroup

from raysearch.tuning.groups import Groups
from search_spaces.weak_supervision import space

KINDS = {name: FloatDistribution(0, i + 1) for i, name in enumerate("abcdef")}
some_names = st.frozensets(st.sampled_from("abcdef"))


def of(*trials):
    groups = Groups()
    for names in trials:
        groups.add({name: KINDS[name] for name in names})
    return groups


@given(st.lists(some_names, max_size=6))
def test_they_are_those_of_optuna(trials):
    theirs = _SearchSpaceGroup()
    for names in trials:
        theirs.add_distributions({name: KINDS[name] for name in names})
    ours = of(*trials)
    expected = {frozenset(group) for group in theirs.search_spaces if group}
    assert {frozenset(ours.of(name)) for names in trials for name in names} == expected


def test_a_conditional_space_falls_apart_into_its_branches():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    groups = Groups()
    for _ in range(30):
        trial = study.ask()
        space(trial)
        groups.add(trial.distributions)
    assert set(groups.of("detector")) == {"detector"}
    assert all(name.startswith("hgb/") for name in groups.of("hgb/max_iter"))
    assert len(groups.of("hgb/max_iter")) == 6


def test_unknown_parameters_have_no_group_and_constants_are_left_out():
    groups = Groups()
    groups.add({"a": FloatDistribution(0, 1), "b": CategoricalDistribution(["only"])})
    assert set(groups.of("b")) == {"a"}
    assert groups.of("c") == {}
