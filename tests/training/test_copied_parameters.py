"""Copies of parameters are parameters: their named views show their own vector."""

import copy
import pickle

import pytest

import backproof as bp


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda theta: pickle.loads(pickle.dumps(theta))])
def test_the_views_of_a_copy_belong_to_its_vector(duplicate):
    theta = bp.Network([bp.Linear(2, 3)]).initialize(0)
    assert theta["0.weight"].any()
    twin = duplicate(theta)
    assert (twin["0.weight"] == theta["0.weight"]).all()
    twin.vector[:] = 7
    assert (twin["0.weight"] == 7).all()
    assert (theta["0.weight"] != 7).all()
