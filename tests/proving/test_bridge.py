"""From proof to program: the recursion that Coq evaluates on rationals is the engine's on fractions, exactly."""

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

import backproof as bp
from backproof.proving.checking import run_coq

NETWORKS = 100
HEAD = """From mathcomp Require Import ssreflect seq.
From Coq Require Import QArith.
From backproof Require Import program.
Set Printing Depth 1000000.
"""


@dataclass(frozen=True)
class Problem:
    """A network as both sides have it, and a point."""

    net: bp.Network
    theta: Any
    steps: str
    x: list[Fraction]
    y: list[Fraction]


def rational(random: Random, zeros: bool = True) -> Fraction:
    value = Fraction(random.randint(-6, 6), random.randint(1, 5))
    return value if zeros or value else Fraction(1, 3)


def q(value: Fraction) -> str:
    return f"(Qmake ({value.numerator})%Z {value.denominator}%positive)"


def row(values: Any) -> str:
    return f"[:: {'; '.join(q(value) for value in values)}]"


def activation(random: Random) -> tuple[Any, str]:
    kind = random.randrange(4)
    if kind == 0:
        return bp.ReLU(), f"Leaky rationals {q(Fraction(0))}"
    if kind == 1:
        return bp.LeakyReLU(Fraction(-1)), f"Leaky rationals {q(Fraction(-1))}"  # type: ignore[arg-type]  # |z|
    if kind == 2:
        slope = rational(random)
        return bp.LeakyReLU(slope), f"Leaky rationals {q(slope)}"  # type: ignore[arg-type]
    low, high = Fraction(random.randint(-3, -1), 2), Fraction(random.randint(1, 3), 2)
    return bp.Hardtanh(low, high), f"Clip rationals {q(low)} {q(high)}"  # type: ignore[arg-type]


def problem(seed: int) -> Problem:
    """Return a random network of affine layers and piecewise-linear functions; small numbers, so kinks occur."""
    random = Random(seed)
    widths = [random.randint(1, 4) for _ in range(random.randint(2, 5))]
    layers, steps, values = [], [], []
    for n, m in pairwise(widths):
        W = [[rational(random) for _ in range(n)] for _ in range(m)]
        b = [rational(random) for _ in range(m)]
        layers.append(bp.Linear(n, m))
        values += [entry for line in W for entry in line] + b
        steps.append(f"@Affine rationals [:: {'; '.join(map(row, W))}] {row(b)}")
        if random.random() < 0.8:
            layer, text = activation(random)
            layers.append(layer)
            steps.append(f"@Activation rationals (@{text})")
    net = bp.Network(layers)
    x, y = [rational(random) for _ in range(widths[0])], [rational(random) for _ in range(widths[-1])]
    vector = np.array(values, dtype=object)
    return Problem(net, net.initialize().with_vector(vector), f"[:: {'; '.join(steps)}]", x, y)


def of_python(p: Problem) -> list[Fraction]:
    """Return loss, gradient in x, and gradient in every weight and bias, from the engine."""
    x, y = np.array([p.x], dtype=object), np.array([p.y], dtype=object)
    loss, gradient = bp.value_and_gradient(p.net, p.theta, x, y, bp.SquaredError())
    delta = bp.input_gradient(p.net, p.theta, x, y, bp.SquaredError())
    return [Fraction(value) for value in (loss, *np.ravel(delta), *gradient.vector)]


def of_coq(development: Path, problems: list[Problem]) -> list[list[Fraction]]:
    runs = [f"Eval vm_compute in report (value_and_gradients_Q {p.steps} {row(p.x)} {row(p.y)}).\n" for p in problems]
    code, output = run_coq(development, HEAD + "".join(runs), 120.0)
    assert code == 0, output
    numbers = [[int(n) for n in re.findall(r"-?\d+", part)] for part in re.split(r"^\s+= ", output, flags=re.M)[1:]]
    return [[Fraction(n, d) for n, d in zip(part[::2], part[1::2], strict=True)] for part in numbers]


def test_recursion_in_coq_and_engine_on_fractions_give_the_same_numbers_on_100_networks(development: Path) -> None:
    problems = [problem(seed) for seed in range(NETWORKS)]
    proved, computed = of_coq(development, problems), [of_python(p) for p in problems]
    assert len(proved) == NETWORKS
    for seed, (theirs, ours) in enumerate(zip(proved, computed, strict=True)):
        assert theirs == ours, f"network {seed}"
    nonzero = sum(value != 0 for values in computed for value in values)
    assert nonzero > sum(map(len, computed)) / 3


def test_a_wrong_weight_is_noticed(development: Path) -> None:
    p = problem(0)
    other = Problem(p.net, p.theta.with_vector(p.theta.vector + Fraction(1, 7)), p.steps, p.x, p.y)
    assert of_coq(development, [p])[0] != of_python(other)
