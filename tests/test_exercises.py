"""Exercises: right answers are right, typical mistakes are named, and questions can be read everywhere."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.checking.causes import Cause
from backproof.exercises.model import Mistake, Task
from backproof.exercises.writing import plain
from typesetting import pdflatex

every = pytest.mark.parametrize("name", bp.EXERCISES)
SEEDS = range(12)


def _softmax(z: Any) -> Any:
    return np.exp(z) / np.exp(z).sum()


def _slope(x: Any) -> Any:
    return np.diag(1 - np.tanh(x) ** 2)


def _layer_norm(x: Any, g: Any) -> Any:
    rho = np.sqrt(((x - x.mean()) ** 2).mean() + 1e-5)
    h = (x - x.mean()) / rho
    return np.diag(g / rho) @ (np.eye(4) - np.ones((4, 4)) / 4 - np.outer(h, h) / 4)


def _cheapest(sizes: Any) -> float:
    """Return the least multiplications by trying all brackets."""
    if len(sizes) <= 2:
        return 0.0
    cuts = range(1, len(sizes) - 1)
    return min(_cheapest(sizes[: k + 1]) + _cheapest(sizes[k:]) + float(sizes[0]) * sizes[k] * sizes[-1] for k in cuts)


def _kernel(W: Any, v: Any, a: Any, b: Any) -> float:
    def J(x: Any) -> Any:
        h = np.tanh(W @ x)
        return np.concatenate([np.outer(v[0] * (1 - h**2), x).ravel(), h])

    return float(J(a) @ J(b))


BY_HAND: dict[str, Callable[..., Any]] = {
    "elementwise": _slope,
    "kink": lambda x: np.diag((x > 0) * 1),
    "affine": lambda W, x, b: W,
    "weight": lambda W, x: np.kron(np.eye(2), x[None]),
    "augmented": lambda x: np.kron(np.eye(2), [[*x, 1.0]]),
    "softmax": lambda x: np.diag(_softmax(x)) - np.outer(_softmax(x), _softmax(x)),
    "log-softmax": lambda x: np.eye(3) - np.outer(np.ones(3), _softmax(x)),
    "layer-norm": _layer_norm,
    "residual": lambda W, x: np.eye(2) + _slope(W @ x) @ W,
    "product": lambda W, V, x: np.diag(V @ x) @ W + np.diag(W @ x) @ V,
    "chain": lambda W, x: W @ _slope(x),
    "cross-entropy": lambda z, c: _softmax(z) - np.eye(3)[c],
    "delta": lambda delta, W, x: delta @ W @ _slope(x),
    "gradient": lambda delta, x: np.outer(delta, x),
    "batch": lambda Delta, X: Delta.T @ X / len(X),
    "shared": lambda W, x, u: np.outer(u, W @ x) + np.outer(u @ W, x),
    "cost": lambda sizes: [
        sizes[0] * sizes[2] * (sizes[1] + sizes[3]),
        sizes[1] * sizes[3] * (sizes[2] + sizes[0]),
    ],
    "best-order": lambda sizes: _cheapest(list(sizes)),
    "kernel": _kernel,
}
"""The answers written out with NumPy alone."""


@every
def test_the_formula_by_hand_is_right_and_the_librarys_answer_is_the_same_number(name: str) -> None:
    for seed in SEEDS:
        exercise = bp.exercise(name, seed)
        assert exercise.answer(BY_HAND[name]).right
        arguments = {key: exercise.given[key] for key in BY_HAND[name].__code__.co_varnames if key in exercise.given}
        by_hand = np.asarray(BY_HAND[name](**arguments), float)
        assert np.allclose(by_hand.reshape(exercise.shape), exercise.solution().value, rtol=1e-12, atol=1e-14)


def test_there_are_enough_exercises_and_each_has_an_answer_by_hand() -> None:
    assert len(bp.EXERCISES) >= 12
    assert set(BY_HAND) == set(bp.EXERCISES)


@every
def test_typical_mistakes_are_wrong_and_named(name: str) -> None:
    for seed in SEEDS:
        exercise = bp.exercise(name, seed)
        assert len(exercise.task.mistakes) >= 2
        for mistake in exercise.task.mistakes:
            grade = exercise.answer(mistake.answer)
            assert not grade
            assert (grade.cause, grade.hint) == (mistake.cause, mistake.hint), f"{name}, seed {seed}"


def _rounded(value: Any, digits: int) -> Any:
    """Return every entry to so many significant digits, as one writes them down."""
    return np.vectorize(lambda entry: float(f"{entry:.{digits}g}"), otypes=[float])(np.asarray(value, float))


@every
def test_three_digits_are_enough_whatever_the_numbers(name: str) -> None:
    for seed in range(40):
        exercise = bp.exercise(name, seed)
        value = exercise.solution().value
        last = 2 - int(np.floor(np.log10(np.abs(value).max())))
        assert exercise.answer(_rounded(value, 3)), seed
        assert exercise.answer(np.round(value, last)), "as many decimals as the largest entry has"


@every
def test_a_mistake_to_three_digits_is_that_mistake(name: str) -> None:
    for seed in SEEDS:
        exercise = bp.exercise(name, seed)
        for mistake in exercise.task.mistakes:
            grade = exercise.answer(_rounded(mistake.answer, 3 if exercise.task.tolerance > 1e-6 else 9))
            assert (grade.cause, grade.hint) == (mistake.cause, mistake.hint), seed


@every
def test_an_answer_off_by_a_hundredth_is_wrong(name: str) -> None:
    exercise = bp.exercise(name)
    value = exercise.solution().value
    wrong = np.array(value)
    wrong.flat[-1] += 0.01 * np.abs(value).max()
    grade = exercise.answer(wrong)
    assert not grade
    assert wrong.size == 1 or "furthest off in entry" in grade.place


@every
def test_what_is_rounded_too_early_is_called_close_and_not_a_factor_of_nearly_one(name: str) -> None:
    for seed in range(40):
        exercise = bp.exercise(name, seed)
        value = exercise.solution().value
        for answer in (_rounded(value, 2), value * 1.008, value * 0.99, value * 1.04):
            grade = exercise.answer(answer)
            if exercise.task.tolerance > 1e-6:
                assert grade or grade.cause == Cause.PRECISION, f"{seed}: {grade}"
            assert not re.search(r"is (1|0\.99\d*|1\.0\d*) times", grade.hint)


@every
def test_a_common_factor_is_named_and_a_single_number_is_called_too_large_or_too_small(name: str) -> None:
    exercise = bp.exercise(name)
    value = np.asarray(exercise.solution().value)
    for factor, said in ((1.5, "too large"), (0.75, "too small")):
        grade = exercise.answer(value * factor)
        assert not grade
        if value.size == 1:
            assert grade.hint == f"The number is {said}."
            assert "Likely mistake" not in str(grade)
            assert "Likely mistake" not in grade._repr_markdown_()
        elif grade.cause == Cause.FACTOR:
            assert f"{factor} times" in grade.hint


GENERIC = {
    "sign": (lambda value: -value, Cause.SIGN),
    "zeros": (lambda value: 0 * value, Cause.MISSING),
    "transposed": (lambda value: value.T, Cause.TRANSPOSED),
    "nan": (lambda value: value * np.nan, Cause.NOT_FINITE),
}


@pytest.mark.parametrize("wrong", GENERIC)
@pytest.mark.parametrize("name", ["affine", "weight", "layer-norm", "chain", "gradient", "batch", "delta"])
def test_mistakes_that_no_list_has_are_found_by_the_checker(name: str, wrong: str) -> None:
    change, cause = GENERIC[wrong]
    exercise = bp.exercise(name)
    value = exercise.solution().value
    if wrong == "transposed" and 1 in value.shape:
        assert exercise.answer(value.ravel()), "a vector is taken for a row"
    if wrong == "transposed" and np.allclose(value, value.T if value.shape == value.T.shape else 0):
        return
    assert exercise.answer(change(value)).cause == cause


def test_a_diagonal_of_the_right_numbers_is_named() -> None:
    exercise = bp.exercise("layer-norm")
    assert exercise.answer(np.diag(np.diag(exercise.solution().value))).cause in (Cause.DIAGONAL_ONLY, Cause.UNKNOWN)


def test_numbers_copied_into_a_function_are_seen_through() -> None:
    exercise = bp.exercise("softmax")
    copied = exercise.solution().value
    assert exercise.answer(copied)
    assert not exercise.answer(lambda x: copied)


def test_an_operator_of_the_library_is_an_answer() -> None:
    exercise = bp.exercise("weight", seed=3)
    W, x = exercise.given["W"], exercise.given["x"]
    step = bp.Linear(3, 2, bias=False).linearize({"weight": W}, x[None])
    assert exercise.answer(step.B["weight"])
    assert exercise.answer(step.A).cause == "derivative in the input"


def test_a_wrong_shape_says_which_was_expected() -> None:
    grade = bp.exercise("affine").answer(np.zeros((5, 7)))
    assert grade.cause == Cause.WRONG_SHAPE
    assert "5 x 7, expected 2 x 3: output by input size." in grade.hint
    assert "wrong shape" in str(grade)


def test_a_wrong_shape_is_explained_as_the_question_asks() -> None:
    said = {
        "gradient": "Your answer is 5 x 7, expected 2 x 3: the shape of the parameter.",
        "cost": "Your answer is 5 x 7, expected 2 numbers.",
        "best-order": "Your answer is 5 x 7, expected a number.",
        "kernel": "Your answer is 5 x 7, expected a number.",
    }
    for name, hint in said.items():
        assert bp.exercise(name).answer(np.zeros((5, 7))).hint == hint
    assert "a number, expected 2 numbers" in bp.exercise("cost").answer(3.0).hint


def test_counts_are_graded_as_numbers_and_not_as_a_derivative() -> None:
    exercise = bp.exercise("cost")
    first, second = exercise.solution().value
    for answer, said in (((0, 0), "too small"), ((first, second + 1), "too large")):
        grade = exercise.answer(answer)
        assert grade.hint == f"The number is {said}."
        assert "Likely mistake" not in str(grade)
    assert exercise.answer((first, second + 1)).place == "furthest off in entry 2"


def test_answers_that_are_no_numbers_and_functions_of_other_names_are_errors() -> None:
    exercise = bp.exercise("affine")
    for nothing in ("W", None, [[1, 2], [3]], np.array([1j])):
        with pytest.raises(bp.errors.DtypeError, match="expected numbers"):
            exercise.answer(nothing)
    with pytest.raises(bp.errors.OptionError, match="takes V, expected some of W, x, b"):
        exercise.answer(lambda V: V)
    with pytest.raises(bp.errors.OptionError, match="Did you mean 'softmax'"):
        bp.exercise("sofmax")
    with pytest.raises(bp.errors.OptionError, match="seed"):
        bp.exercise("affine", seed=-1)


def test_the_question_cannot_be_changed_through_what_it_gives() -> None:
    exercise = bp.exercise("affine")
    exercise.given["W"][:] = 0
    exercise.solution().value[:] = 0
    exercise.answer(lambda W: W.fill(0) or W)
    assert exercise.answer(lambda W: W)


@every
def test_the_same_seed_asks_the_same_and_another_seed_something_else(name: str) -> None:
    first, again, other = (str(bp.exercise(name, seed).question) for seed in (4, 4, 5))
    assert first == again
    assert first != other


@every
def test_questions_hints_and_solutions_are_plain_in_a_terminal(name: str) -> None:
    exercise = bp.exercise(name)
    texts = [str(exercise.question), repr(exercise), str(exercise.solution())]
    texts += [str(exercise.answer(mistake.answer)) for mistake in exercise.task.mistakes]
    for text in texts:
        assert not re.search(r"[\\$]|\*\*", text), text
    for given in exercise.given:
        assert f"    {given} = " in texts[0]


def test_questions_and_solutions_compile_as_latex(tmp_path: Path) -> None:
    pieces = []
    for name in bp.EXERCISES:
        exercise = bp.exercise(name)
        pieces += [exercise.question._repr_markdown_(), exercise.solution()._repr_markdown_()]
        pieces += [mistake.hint for mistake in exercise.task.mistakes]
    body = "\n\n".join(pieces).replace("**", "").replace("`", "").replace("%", r"\%")
    source = rf"\documentclass{{article}}\usepackage{{amsmath,amssymb}}\begin{{document}}{body}\end{{document}}"
    assert pdflatex(source, tmp_path).pages >= 3


def test_plain_writes_formulas_as_a_terminal_can() -> None:
    assert plain(r"$\frac{1}{n} W^\top x_{l-1}$ **is** $\sqrt{v + 10^{-5}}$") == "1/n W^T x_{l-1} is sqrt(v + 10^-5)"


def test_numbers_that_confuse_a_mistake_with_the_answer_are_not_asked() -> None:
    task = Task("", {}, np.eye(2), "", (Mistake("transposed", np.eye(2).T, ""),))
    assert not task.telling()
    assert all(bp.exercise("chain", seed).task.telling() for seed in range(30))
