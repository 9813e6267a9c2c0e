"""What comes at the edges of a quantity: indices, chunks, examples that are no array."""

import warnings
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof import quantities as q
from backproof.errors import DtypeError, KinkWarning, OptionError


def small() -> Any:
    """Return a network with a kink, its parameters and five examples, in float32."""
    net = bp.Network([bp.Linear(3, 4), bp.ReLU(), bp.Linear(4, 2)])
    return net, net.initialize(0, "float32"), np.random.default_rng(0).normal(size=(5, 3)).astype("float32")


@pytest.mark.parametrize("block", [0, -1, 2.5, True, "all"])
def test_blocks_of_a_kernel_are_whole_and_positive(block: Any) -> None:
    with pytest.raises(OptionError, match=r"ntk: block=.*, expected a whole number of at least 1"):
        q.ntk(*small(), block=block)


def test_examples_in_a_list_are_refused_by_name() -> None:
    net, theta, x = small()
    with pytest.raises(DtypeError, match="ntk: x1 is of type list, expected an array"):
        q.ntk(net, theta, x.tolist())
    with pytest.raises(DtypeError, match="ntk: x2 is of type list, expected an array"):
        q.ntk(net, theta, x, x.tolist())
    with pytest.raises(DtypeError, match="dense_jacobian: x is of type list, expected an array"):
        q.dense_jacobian(net, theta, x.tolist())


@pytest.mark.parametrize("wrt", [np.int64(1), (np.int32(1), 3), [1, np.int64(3)]])
def test_states_are_named_by_any_whole_number(wrt: Any) -> None:
    net, theta, x = small()
    np.testing.assert_array_equal(q.jacobian(net, theta, x, wrt).dense(), q.jacobian(net, theta, x, 1).dense())


@pytest.mark.parametrize("wrt", [True, (True, 2), np.True_, 1.0, None, (0, 1, 2), -1, 3, (2, 1), ("0", 1)])
def test_what_names_no_state_is_refused(wrt: Any) -> None:
    net, theta, x = small()
    with pytest.raises(OptionError, match=r"jacobian: wrt=.*, expected 'input', 'parameters'"):
        q.jacobian(net, theta, x, wrt)


def test_kinks_of_all_chunks_are_counted_once_in_one_warning() -> None:
    net, theta, x = small()
    theta["0.bias"][...] = 0.0
    x[:] = 0.0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        J = q.dense_jacobian(net, theta, x, memory=100)
    assert [warning.category for warning in caught] == [KinkWarning]
    assert str(caught[0].message).startswith("dense_jacobian: 20 entries lie exactly on a kink")
    assert J.shape == (5, 2, 3)
