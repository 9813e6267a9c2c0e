"""Value, gradient and Hessian of every loss, against PyTorch's autodiff and complex steps."""

import json
from dataclasses import replace
from typing import Any

import array_api_strict
import jax
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import backproof as bp
from backproof.arrays import to_numpy
from backproof.losses import LOSSES, describe_loss, loss_from
from cases import LOSS_CASES, LossCase
from oracles import agree, check_loss_with_steps, check_loss_with_torch

every_loss = pytest.mark.parametrize(
    "case", LOSS_CASES, ids=[f"{i}-{case.loss!r}" for i, case in enumerate(LOSS_CASES)]
)


def test_every_loss_of_the_registry_has_a_case() -> None:
    assert {case.name for case in LOSS_CASES} == set(LOSSES)


@every_loss
@given(
    batch=st.sampled_from([1, 1, 2, 5]), n=st.integers(1, 5), reduction=st.sampled_from(["mean", "sum"]),
    weighted=st.booleans(), seed=st.integers(0, 999),
)  # fmt: skip
def test_value_gradient_and_hessian_are_those_of_pytorch(
    case: LossCase, batch: int, n: int, reduction: str, weighted: bool, seed: int
) -> None:
    check_loss_with_torch(case, batch, n, reduction, weighted, seed=seed)


@every_loss
@pytest.mark.parametrize("batch", [1, 4])
def test_float32_stays_float32_and_agrees(case: LossCase, batch: int) -> None:
    for weighted in (False, True):
        check_loss_with_torch(case, batch, 3, weighted=weighted, dtype="float32")


@every_loss
@given(batch=st.integers(1, 3), n=st.integers(2, 4), seed=st.integers(0, 999))
def test_gradient_and_hessian_are_those_of_complex_steps(case: LossCase, batch: int, n: int, seed: int) -> None:
    check_loss_with_steps(case, batch, n, seed)


@every_loss
def test_relation_to_pytorchs_module_is_as_the_docstring_says(case: LossCase) -> None:
    generator = np.random.default_rng(0)
    z, y = generator.normal(size=(5, 4)), case.targets(generator, 5, 4)
    module, factor = case.reference(torch.nn, 4)
    expected = float(module(torch.tensor(z), torch.tensor(y))) * factor
    agree(case.loss.value(z, y), expected, 1e-12, repr(case.loss))


@pytest.mark.parametrize("case", [case for case in LOSS_CASES if case.kinks], ids=lambda case: repr(case.loss))
def test_gradient_at_a_kink_is_pytorchs(case: LossCase) -> None:
    z = np.array([case.kinks])
    y = np.zeros_like(z)
    rows = torch.tensor(z, requires_grad=True)
    (expected,) = torch.autograd.grad(case.twin(torch, rows, torch.tensor(y)).sum(), rows)
    agree(case.loss.value_and_gradient(z, y)[1], expected, 1e-15, repr(case.loss))


@pytest.mark.parametrize("case", [case for case in LOSS_CASES if case.tails], ids=lambda case: repr(case.loss))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_outputs_of_ten_thousand_give_finite_right_values(case: LossCase, dtype: str) -> None:
    z = np.array([[1e4, -1e4, 0.5], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4]], dtype)
    y = case.targets(np.random.default_rng(0), 3, 3)
    rows = torch.tensor(z, dtype=torch.float64)
    rtol = 1e-5 if dtype == "float32" else 1e-12
    agree(case.loss.examples(z, y), case.twin(torch, rows, torch.tensor(y)), rtol, "losses")
    gradient = torch.func.grad(lambda r: case.twin(torch, r, torch.tensor(y)).mean())(rows)
    agree(case.loss.value_and_gradient(z, y)[1], gradient, rtol, "gradient")
    assert np.isfinite(case.loss.hessian(z, y).dense()).all()


@pytest.mark.parametrize("case", [c for c in LOSS_CASES if c.name != "CrossEntropy"], ids=lambda c: repr(c.loss))
def test_outputs_with_more_axes_count_as_one_vector(case: LossCase) -> None:
    generator = np.random.default_rng(0)
    z, y = generator.normal(size=(2, 6)), case.targets(generator, 2, 6)
    value, delta = case.loss.value_and_gradient(z.reshape(2, 2, 3), y)
    expected_value, expected = case.loss.value_and_gradient(z, y)
    assert value == expected_value
    np.testing.assert_array_equal(delta, expected)


def test_one_output_takes_targets_without_the_second_axis() -> None:
    z, y = np.array([[1.0], [2.0]]), np.array([1.0, 0.0])
    for loss in (bp.SquaredError(), bp.BinaryCrossEntropy(), bp.Huber(), bp.Poisson()):
        assert loss.value(z, y) == loss.value(z, y[:, None])


def test_index_and_one_hot_targets_are_the_same() -> None:
    z, index = np.random.default_rng(0).normal(size=(4, 3)), np.array([0, 2, 1, 2])
    for loss in (bp.CrossEntropy(), bp.CrossEntropy(smoothing=0.2)):
        for kind in (np.int64, np.uint8, np.int32):
            agree(loss.value(z, index.astype(kind)), loss.value(z, np.eye(3)[index]), 1e-15, repr(loss))


@pytest.mark.parametrize("classes", [127, 128, 256, 300])
@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16", "uint32", "uint64"])
@pytest.mark.parametrize("library", [torch.tensor, jax.numpy.asarray, array_api_strict.asarray])
def test_class_indices_of_narrow_integers_are_numbers_like_others(library: Any, kind: str, classes: int) -> None:
    z = np.random.default_rng(0).normal(size=(3, classes))
    index = np.array([5, 0, min(classes - 1, np.iinfo(kind).max)], kind)
    value, delta = bp.CrossEntropy().value_and_gradient(z, index.astype("int64"))
    came, gradient = bp.CrossEntropy().value_and_gradient(library(z), library(index))
    agree(to_numpy(came), value, 1e-6, "loss")
    agree(to_numpy(gradient), delta, 1e-6, "gradient")


@pytest.mark.parametrize(("kind", "wrong"), [("int8", -1), ("uint8", 200), ("uint16", 2**15), ("uint64", 2**32 + 5)])
@pytest.mark.parametrize("library", [np.asarray, torch.tensor, jax.numpy.asarray])
def test_wrong_class_indices_of_narrow_integers_are_named_as_they_came(library: Any, kind: str, wrong: int) -> None:
    with jax.enable_x64(True), pytest.raises(bp.errors.DataError, match=f"has class index {wrong}, expected 0 to 199"):
        bp.CrossEntropy().value(library(np.zeros((2, 200))), library(np.array([0, wrong], kind)))


def test_integer_weights_are_repetitions() -> None:
    generator = np.random.default_rng(0)
    z, y, times = generator.normal(size=(3, 4)), generator.normal(size=(3, 4)), np.array([1, 3, 0])
    value, delta = bp.SquaredError().value_and_gradient(z, y, times)
    repeated = bp.SquaredError().value(z.repeat(times, axis=0), y.repeat(times, axis=0))
    agree(value, repeated, 1e-14, "weighted mean")
    np.testing.assert_array_equal(delta[2], 0)


@pytest.mark.parametrize(
    ("loss", "z", "y", "error", "message"),
    [
        (bp.CrossEntropy(), (3, 4), [0, 4, 1], "DataError", "example 1 has class index 4, expected 0 to 3"),
        (bp.CrossEntropy(), (2, 4), [0, -1], "DataError", "CrossEntropy: example 1 has class index -1"),
        (bp.CrossEntropy(), (2, 4), [0, 1, 2], "ShapeError", "3 class indices came for 2 outputs"),
        (bp.CrossEntropy(), (2, 4), [0.0, 1.0], "ShapeError", "expected class indices .2,. as integers"),
        (bp.CrossEntropy(), (2, 4), np.ones((2, 3)), "ShapeError", r"targets have shape \(2, 3\), expected \(2, 4\)"),
        (bp.CrossEntropy(), (2, 2), [[0.5, 0.5], [1.5, -0.5]], "DataError", "example 1, output 1 has target -0.5"),
        (bp.CrossEntropy(), (1, 2), [[np.nan, 1]], "DataError", "example 0, output 0 has target nan, expected a share"),
        (bp.CrossEntropy(), (1, 2), [[0, np.inf]], "DataError", "example 0, output 1 has target inf, expected a share"),
        (bp.CrossEntropy(), (2, 5, 3), [0, 1], "ShapeError", r"have shape \(batch, 5, 3\), expected \(batch, n\)"),
        (bp.SquaredError(), (0, 2), np.ones((0, 2)), "ShapeError", "SquaredError: the batch has no examples, expected"),
        (bp.SquaredError(), (2, 4), np.ones((4, 2)), "ShapeError", r"SquaredError: targets have shape \(4, 2\)"),
        (bp.SquaredError(), (2, 4), np.ones(2), "ShapeError", r"targets have shape \(2,\), expected \(2, 4\)"),
        (bp.BinaryCrossEntropy(), (1, 2), [[0, 1.5]], "DataError", "example 0, output 1 has target 1.5"),
        (bp.Poisson(), (1, 2), [[3, -1]], "DataError", "example 0, output 1 has target -1.0, expected >= 0"),
    ],
)  # fmt: skip
def test_targets_that_do_not_fit_are_refused_by_name(loss: Any, z: Any, y: Any, error: str, message: str) -> None:
    with pytest.raises(getattr(bp.errors, error), match=message):
        loss.value_and_gradient(np.zeros(z), np.asarray(y))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(2), r"weights have shape \(2,\), expected \(3,\)"),
        (np.array([1.0, -1.0, 1.0]), "0 or more"),
        (np.zeros(3), "some positive"),
        (np.array([1.0, np.nan, 1.0]), "must be finite"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights: Any, message: str) -> None:
    with pytest.raises(bp.errors.BackproofError, match=message):
        bp.SquaredError().value(np.zeros((3, 2)), np.zeros((3, 2)), weights)


LIBRARIES = [np.asarray, torch.tensor, jax.numpy.asarray, array_api_strict.asarray]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("loss", [bp.SquaredError(), bp.CrossEntropy(), bp.BinaryCrossEntropy(), bp.Poisson()])
def test_complex_targets_and_weights_are_refused(loss: bp.Loss, library: Any) -> None:
    z, y, w = np.zeros((2, 2)), np.eye(2), np.ones(2)
    with pytest.raises(bp.errors.DtypeError, match=r"targets have dtype complex.*, expected real numbers"):
        loss.value_and_gradient(library(z), library(y + 1j))
    with pytest.raises(bp.errors.DtypeError, match=r"weights have dtype complex.*, expected real numbers"):
        loss.value_and_gradient(library(z), library(y), library(w + 1j))


@pytest.mark.parametrize("kind", ["U1", "S1", "datetime64[D]"])
def test_targets_and_weights_that_are_no_numbers_are_refused(kind: str) -> None:
    z, odd = np.zeros((2, 2)), np.ones((2, 2), int).astype(kind)
    with pytest.raises(bp.errors.DtypeError, match="SquaredError: targets have dtype"):
        bp.SquaredError().value(z, odd)
    with pytest.raises(bp.errors.DtypeError, match="SquaredError: weights have dtype"):
        bp.SquaredError().value(z, z, odd[0])


@pytest.mark.parametrize("loss", [bp.SquaredError(), bp.CrossEntropy()])
def test_masked_targets_and_weights_are_refused(loss: bp.Loss) -> None:
    z, y, w = np.zeros((2, 2)), np.eye(2), np.ones(2)
    for masked in (np.ma.masked_array(y, y), np.ma.masked_array([0, 1], [0, 1])):
        with pytest.raises(bp.errors.DtypeError, match=r"targets .*masked array"):
            loss.value_and_gradient(z, masked)
    with pytest.raises(bp.errors.DtypeError, match=r"weights .*masked array"):
        loss.value_and_gradient(z, y, np.ma.masked_array(w, [0, 1]))


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("loss", [bp.SquaredError(), bp.CrossEntropy(), bp.Huber(width=0.5), bp.Poisson()])
def test_matrices_as_targets_are_taken_for_arrays(loss: bp.Loss) -> None:
    z, y = np.random.default_rng(0).normal(size=(2, 2)), np.array([[0.25, 0.75], [1, 0]])
    for dtype in ("float64", "int64"):
        value, delta = loss.value_and_gradient(z, y.astype(dtype))
        came, gradient = loss.value_and_gradient(z, np.asmatrix(y.astype(dtype)))
        assert came == value
        assert type(gradient) is np.ndarray
        np.testing.assert_array_equal(gradient, delta)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bp.SquaredError(reduction="men"), "unknown reduction 'men'. Did you mean 'mean'"),
        (lambda: bp.CrossEntropy(smoothing=1.5), "smoothing=1.5, expected a number at least 0 and at most 1"),
        (lambda: bp.Huber(width=0), "width=0, expected a number above 0"),
        (lambda: bp.Huber(width="a"), "Huber: width='a', expected a number above 0"),  # type: ignore[arg-type]
        (lambda: bp.CrossEntropy(smoothing=None), "smoothing=None"),  # type: ignore[arg-type]
        (lambda: loss_from("CrosEntropy"), "unknown loss 'CrosEntropy'. Did you mean 'CrossEntropy'"),
        (lambda: loss_from({"loss": "Huber", "widht": 1}), "unknown setting of Huber 'widht'. Did you mean 'width'"),
        (lambda: loss_from({"loss": "Huber", "width": "1"}), "Huber: width='1', expected a number"),
        (lambda: loss_from({"loss": "Huber", "width": float("nan")}), "width=nan"),
        (lambda: loss_from({"loss": "Huber", "reduction": 1}), "reduction=1, expected a word"),
        (lambda: loss_from(["Huber"]), "expected a table with a name in 'loss'"),
        (lambda: loss_from({"width": 1}), "expected a table with a name in 'loss'"),
    ],
)
def test_unknown_or_impossible_settings_are_refused(make: Any, message: str) -> None:
    with pytest.raises(bp.errors.OptionError, match=message):
        make()


@every_loss
def test_description_survives_json(case: LossCase) -> None:
    for loss in (case.loss, replace(case.loss, reduction="sum")):
        assert loss_from(json.loads(json.dumps(describe_loss(loss)))) == loss
