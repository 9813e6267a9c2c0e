"""``torch.autograd.Function``s of layers: matrix products, normalisations, attention."""

from typing import Any

import torch

from backproof.checking import Cause

from .case import Case, Fault, normal
from .torch_writing import function

EPS = 1e-3


def linear(x: Any, w: Any, b: Any) -> Any:
    return x @ w.T + b


LINEAR = Case(
    "linear",
    "torch",
    "Function",
    linear,
    function(linear, lambda x, w, b, u: (u @ w, u.T @ x, u.sum(0))),
    normal((5, 3), (3, 3), (3,)),
    (
        Fault(
            "weight transposed", function(linear, lambda x, w, b, u: (u @ w.T, u.T @ x, u.sum(0))), (Cause.TRANSPOSED,)
        ),
        Fault(
            "weight gradient transposed",
            function(linear, lambda x, w, b, u: (u @ w, x.T @ u, u.sum(0))),
            (Cause.TRANSPOSED,),
        ),
        Fault(
            "mean over the batch",
            function(linear, lambda x, w, b, u: (u @ w, u.T @ x / 5, u.mean(0))),
            (Cause.MISSING_SUM, Cause.FACTOR),
        ),
        Fault(
            "bias gradient of the last example",
            function(linear, lambda x, w, b, u: (u @ w, u.T @ x, u[-1])),
            (Cause.MISSING_SUM,),
        ),
        Fault("bias forgotten", function(linear, lambda x, w, b, u: (u @ w, u.T @ x, None)), (Cause.MISSING,)),
    ),
)


def softmax(x: Any) -> Any:
    return torch.softmax(x, 1)


SOFTMAX = Case(
    "softmax",
    "torch",
    "Function",
    softmax,
    function(softmax, lambda x, u: softmax(x) * (u - (u * softmax(x)).sum(1, keepdim=True))),
    normal((4, 4)),
    (
        Fault(
            "diagonal only", function(softmax, lambda x, u: u * softmax(x) * (1 - softmax(x))), (Cause.DIAGONAL_ONLY,)
        ),
        Fault(
            "sum over the batch",
            function(softmax, lambda x, u: softmax(x) * (u - (u * softmax(x)).sum(0, keepdim=True))),
            (Cause.WRONG_AXIS,),
        ),
    ),
)


def layer_norm(x: Any, g: Any) -> Any:
    centred = x - x.mean(1, keepdim=True)
    return g * centred / torch.sqrt((centred * centred).mean(1, keepdim=True) + EPS)


def layer_norm_backward(x: Any, g: Any, u: Any, mean: bool = True, variance: bool = True, eps: float = EPS) -> Any:
    centred = x - x.mean(1, keepdim=True)
    r = 1 / torch.sqrt((centred * centred).mean(1, keepdim=True) + eps)
    z, w = centred * r, u * g
    dx = w - (w.mean(1, keepdim=True) if mean else 0)
    dx = dx - (z * (w * z).mean(1, keepdim=True) if variance else 0)
    return r * dx, (u * z).sum(0)


def layer_norm_fault(name: str, causes: tuple[Cause, ...], **changes: Any) -> Fault:
    return Fault(name, function(layer_norm, lambda x, g, u: layer_norm_backward(x, g, u, **changes)), causes)


LAYER_NORM = Case(
    "layer norm",
    "torch",
    "Function",
    layer_norm,
    function(layer_norm, layer_norm_backward),
    normal((4, 5), (5,)),
    (
        layer_norm_fault("eps forgotten", (Cause.UNKNOWN,), eps=0.0),
        layer_norm_fault("mean taken as constant", (Cause.MISSING_TERM,), mean=False),
        layer_norm_fault("statistics taken as constant", (Cause.MISSING_TERM,), mean=False, variance=False),
        Fault(
            "scale's gradient as a mean over the batch",
            function(
                layer_norm, lambda x, g, u: (layer_norm_backward(x, g, u)[0], layer_norm_backward(x, g, u)[1] / 4)
            ),
            (Cause.MISSING_SUM, Cause.FACTOR),
        ),
    ),
)


def rms_norm(x: Any) -> Any:
    return x * torch.rsqrt((x * x).mean(1, keepdim=True) + EPS)


def rms_norm_backward(x: Any, u: Any, share: float = 1.0) -> Any:
    r = torch.rsqrt((x * x).mean(1, keepdim=True) + EPS)
    return r * u - share * x * r**3 * (u * x).mean(1, keepdim=True)


RMS_NORM = Case(
    "RMS norm",
    "torch",
    "Function",
    rms_norm,
    function(rms_norm, rms_norm_backward),
    normal((3, 4)),
    (
        Fault(
            "root taken as constant",
            function(rms_norm, lambda x, u: rms_norm_backward(x, u, 0.0)),
            (Cause.MISSING_TERM,),
        ),
        Fault(
            "half of the second term",
            function(rms_norm, lambda x, u: rms_norm_backward(x, u, 0.5)),
            (Cause.MISSING_TERM,),
        ),
    ),
)


def attention(q: Any, k: Any, v: Any) -> Any:
    return torch.softmax(q @ k.T * q.shape[1] ** -0.5, 1) @ v


def attention_backward(q: Any, k: Any, v: Any, u: Any, scale: float = 0.5, centred: bool = True) -> Any:
    p, dp = torch.softmax(q @ k.T * 0.5, 1), u @ v.T
    ds = scale * p * (dp - (p * dp).sum(1, keepdim=True) if centred else dp)
    return ds @ k, ds.T @ q, p.T @ u


def attention_fault(name: str, causes: tuple[Cause, ...], **changes: Any) -> Fault:
    return Fault(name, function(attention, lambda q, k, v, u: attention_backward(q, k, v, u, **changes)), causes)


ATTENTION = Case(
    "attention",
    "torch",
    "Function",
    attention,
    function(attention, attention_backward),
    normal((3, 4), (3, 4), (3, 4)),
    (
        attention_fault("scale forgotten", (Cause.FACTOR,), scale=1.0),
        attention_fault("scale counted twice", (Cause.FACTOR,), scale=0.25),
        attention_fault("shared sum forgotten", (Cause.MISSING_TERM,), centred=False),
    ),
)


def gated(a: Any, b: Any) -> Any:
    return a * torch.sigmoid(a) * b


def gated_backward(a: Any, b: Any, u: Any) -> tuple[Any, Any]:
    s = torch.sigmoid(a)
    return u * b * s * (1 + a * (1 - s)), u * a * s


SWIGLU = Case(
    "SwiGLU",
    "torch",
    "Function",
    gated,
    function(gated, gated_backward),
    normal((3, 4), (3, 4)),
    (
        Fault(
            "sigmoid taken as constant",
            function(gated, lambda a, b, u: (u * b * torch.sigmoid(a), gated_backward(a, b, u)[1])),
            (Cause.MISSING_TERM,),
        ),
        Fault(
            "gradients in the wrong order",
            function(gated, lambda a, b, u: gated_backward(a, b, u)[::-1]),
            (Cause.PERMUTED,),
        ),
    ),
)

CASES = (LINEAR, SOFTMAX, LAYER_NORM, RMS_NORM, ATTENTION, SWIGLU)
