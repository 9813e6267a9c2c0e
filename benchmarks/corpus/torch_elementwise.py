"""``torch.autograd.Function``s of single entries, and the losses."""

from typing import Any

import numpy as np
import torch

from backproof.checking import Cause

from .case import Case, Fault, normal
from .torch_writing import function, in_place

TARGET = torch.tensor([[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]])


def leaky(x: Any) -> Any:
    return torch.where(x > 0, x, 0.1 * x)


def leaky_slope(x: Any) -> Any:
    return torch.where(x > 0, torch.ones_like(x), torch.full_like(x, 0.1))


def with_zeros(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    x = rng.standard_normal((3, 5))
    x[:, 0] = 0.0
    return (x,)


LEAKY = Case(
    "leaky ReLU",
    "torch",
    "Function",
    leaky,
    function(leaky, lambda x, u: u * leaky_slope(x)),
    with_zeros,
    (
        Fault(
            "sign of the slope",
            function(leaky, lambda x, u: u * torch.where(x > 0, 1.0, -0.1).to(x)),
            (Cause.SIGN, Cause.MISSING_FACTOR),
        ),
        Fault(
            "slope 3 at the kink",
            function(leaky, lambda x, u: u * (leaky_slope(x) + 2.9 * (x == 0))),
            (Cause.KINKS_ONLY,),
        ),
        Fault("cotangent squared", function(leaky, lambda x, u: u * u * leaky_slope(x)), (Cause.UNKNOWN,)),
    ),
    kinks=True,
)


def gelu(x: Any) -> Any:
    return 0.5 * x * (1 + torch.erf(x / 2**0.5))


def density(x: Any) -> Any:
    return torch.exp(-0.5 * x * x) / (2 * torch.pi) ** 0.5


def gelu_slope(x: Any) -> Any:
    return 0.5 * (1 + torch.erf(x / 2**0.5)) + x * density(x)


GELU = Case(
    "GELU",
    "torch",
    "Function",
    gelu,
    function(gelu, lambda x, u: u * gelu_slope(x)),
    normal((3, 4)),
    (
        Fault("buffer overwritten in place", in_place(gelu, lambda x, u: u * gelu_slope(x)), (Cause.STALE_INPUT,)),
        Fault(
            "density forgotten",
            function(gelu, lambda x, u: u * 0.5 * (1 + torch.erf(x / 2**0.5))),
            (Cause.MISSING_TERM,),
        ),
        Fault("float16 inside", function(gelu, lambda x, u: u * gelu_slope(x.half()).to(x)), (Cause.PRECISION,)),
    ),
)

SIGMOID = Case(
    "sigmoid",
    "torch",
    "Function",
    torch.sigmoid,
    function(torch.sigmoid, lambda x, u: u * torch.sigmoid(x) * (1 - torch.sigmoid(x))),
    normal((3, 4)),
    (
        Fault(
            "slope at the output",
            function(
                torch.sigmoid,
                lambda x, u: u * torch.sigmoid(torch.sigmoid(x)) * (1 - torch.sigmoid(torch.sigmoid(x))),
            ),
            (Cause.STALE_INPUT,),
        ),
        Fault(
            "sign", function(torch.sigmoid, lambda x, u: u * torch.sigmoid(x) * (torch.sigmoid(x) - 1)), (Cause.SIGN,)
        ),
    ),
)


def huber(x: Any, t: Any) -> Any:
    size = (x - t).abs()
    return torch.where(size <= 1, 0.5 * size * size, size - 0.5).mean()


def huber_slope(x: Any, t: Any, u: Any) -> tuple[Any, Any]:
    d = u * (x - t).clamp(-1, 1) / x.numel()
    return d, -d


HUBER = Case(
    "Huber",
    "torch",
    "Function",
    huber,
    function(huber, huber_slope),
    normal((4, 3), (4, 3)),
    (
        Fault(
            "sum, not mean",
            function(huber, lambda x, t, u: tuple(12 * d for d in huber_slope(x, t, u))),
            (Cause.FACTOR,),
        ),
        Fault(
            "no gradient for the target",
            function(huber, lambda x, t, u: (huber_slope(x, t, u)[0], None)),
            (Cause.MISSING,),
        ),
        Fault(
            "divided by the batch only",
            function(huber, lambda x, t, u: tuple(3 * d for d in huber_slope(x, t, u))),
            (Cause.FACTOR,),
        ),
    ),
)


def cross_entropy(x: Any) -> Any:
    return -(torch.log_softmax(x, 1) * TARGET).sum() / 4


def cross_entropy_slope(x: Any, u: Any) -> Any:
    return u * (torch.softmax(x, 1) - TARGET) / 4


CROSS_ENTROPY = Case(
    "cross-entropy",
    "torch",
    "Function",
    cross_entropy,
    function(cross_entropy, cross_entropy_slope),
    normal((4, 3)),
    (
        Fault(
            "not divided by the batch",
            function(cross_entropy, lambda x, u: 4 * cross_entropy_slope(x, u)),
            (Cause.MISSING_MEAN, Cause.FACTOR),
        ),
        Fault("sign", function(cross_entropy, lambda x, u: -cross_entropy_slope(x, u)), (Cause.SIGN,)),
        Fault(
            "softmax along the batch",
            function(cross_entropy, lambda x, u: u * (torch.softmax(x, 0) - TARGET) / 4),
            (Cause.WRONG_AXIS,),
        ),
    ),
)

CASES = (LEAKY, GELU, SIGMOID, HUBER, CROSS_ENTROPY)
