import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backproof.merging import merged


def parts_of(values: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    mean = values.mean(axis=0)
    return len(values), mean, np.sum((values - mean) ** 2, axis=0)


@given(st.integers(1, 49), st.sampled_from([0.0, 1e6, 1e8]))
def test_two_parts_give_the_statistics_of_the_whole(cut: int, offset: float) -> None:
    values = offset + np.random.default_rng(cut).normal(size=(50, 3))
    count, mean, squares = merged(*parts_of(values[:cut]), *parts_of(values[cut:]))
    assert count == 50
    np.testing.assert_allclose(mean, values.mean(axis=0), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(squares / 50, values.var(axis=0), rtol=1e-6)


def test_an_empty_beginning_changes_nothing() -> None:
    part = parts_of(np.array([[1.0], [3.0]]))
    assert merged(0, 0.0, 0.0, *part) == (2, 2.0, 2.0)
