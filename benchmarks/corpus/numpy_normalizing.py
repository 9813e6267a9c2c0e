"""Normalising layers in NumPy: every entry depends on the mean and the size of its group."""

from typing import Any

import numpy as np

from backproof.checking import Cause

from .case import Case, Fault, normal

EPS = 1e-3
Arrays = tuple[Any, ...]


def layer_norm(x: Any, g: Any, b: Any) -> Any:
    centred = x - x.mean(axis=1, keepdims=True)
    return g * centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + EPS) + b


def layer_norm_vjp(
    x: Any, g: Any, b: Any, u: Any, mean: bool = True, variance: bool = True, outside: bool = False, axis: int = 1
) -> Arrays:
    centred = x - x.mean(axis=1, keepdims=True)
    v = (centred**2).mean(axis=1, keepdims=True)
    r = 1 / (np.sqrt(v) + EPS) if outside else 1 / np.sqrt(v + EPS)
    z, w = centred * r, u * g
    dx = w - (w.mean(axis=axis, keepdims=True) if mean else 0)
    dx = dx - (z * (w * z).mean(axis=axis, keepdims=True) if variance else 0)
    return r * dx, (u * z).sum(axis=0), u.sum(axis=0)


def layer_norm_fault(name: str, causes: tuple[Cause, ...], **changes: Any) -> Fault:
    return Fault(name, lambda x, g, b, u: layer_norm_vjp(x, g, b, u, **changes), causes)


LAYER_NORM = Case(
    "layer norm",
    "numpy",
    "vjp",
    layer_norm,
    layer_norm_vjp,
    normal((4, 4), (4,), (4,)),
    (
        layer_norm_fault("eps outside the root", (Cause.UNKNOWN,), outside=True),
        layer_norm_fault("mean taken as constant", (Cause.MISSING_TERM,), mean=False),
        layer_norm_fault("variance taken as constant", (Cause.MISSING_TERM,), variance=False),
        layer_norm_fault("means over the batch", (Cause.WRONG_AXIS,), axis=0),
        Fault(
            "scale forgotten",
            lambda x, g, b, u: (layer_norm_vjp(x, np.ones_like(g), b, u)[0], *layer_norm_vjp(x, g, b, u)[1:]),
            (Cause.MISSING_FACTOR,),
        ),
        Fault(
            "mean over the batch for the scale",
            lambda x, g, b, u: (
                layer_norm_vjp(x, g, b, u)[0],
                layer_norm_vjp(x, g, b, u)[1] / len(x),
                layer_norm_vjp(x, g, b, u)[2],
            ),
            (Cause.MISSING_SUM, Cause.FACTOR),
        ),
    ),
)


def rms_norm(x: Any) -> Any:
    return x / np.sqrt((x * x).mean(axis=1, keepdims=True) + EPS)


def rms_norm_vjp(x: Any, u: Any, share: float = 1.0) -> Any:
    r = 1 / np.sqrt((x * x).mean(axis=1, keepdims=True) + EPS)
    return r * u - share * x * r**3 * (u * x).mean(axis=1, keepdims=True)


RMS_NORM = Case(
    "RMS norm",
    "numpy",
    "vjp",
    rms_norm,
    rms_norm_vjp,
    normal((3, 4)),
    (
        Fault("root taken as constant", lambda x, u: rms_norm_vjp(x, u, 0.0), (Cause.MISSING_TERM,)),
        Fault("sum instead of mean inside", lambda x, u: rms_norm_vjp(x, u, 4.0), (Cause.MISSING_TERM,)),
        Fault("sign of the second term", lambda x, u: rms_norm_vjp(x, u, -1.0), (Cause.MISSING_TERM, Cause.SIGN)),
    ),
)


def batch_norm_vjp(x: Any, u: Any, statistics: bool = True, axis: int = 0) -> Any:
    centred = x - x.mean(axis=0)
    r = 1 / np.sqrt((centred**2).mean(axis=0) + EPS)
    z = centred * r
    if not statistics:
        return u * r
    return r * (u - u.mean(axis=axis, keepdims=True) - z * (u * z).mean(axis=axis, keepdims=True))


BATCH_NORM = Case(
    "batch norm",
    "numpy",
    "vjp",
    lambda x: (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + EPS),
    batch_norm_vjp,
    normal((5, 5)),
    (
        Fault(
            "statistics taken as constant", lambda x, u: batch_norm_vjp(x, u, statistics=False), (Cause.MISSING_TERM,)
        ),
        Fault("means over the features", lambda x, u: batch_norm_vjp(x, u, axis=1), (Cause.WRONG_AXIS,)),
    ),
)

VARIANCE = Case(
    "variance over the batch",
    "numpy",
    "vjp",
    lambda x: x.var(axis=0),
    lambda x, u: 2 / len(x) * (x - x.mean(axis=0)) * u,
    normal((5, 3)),
    (
        Fault("divided by n - 1", lambda x, u: 2 / (len(x) - 1) * (x - x.mean(axis=0)) * u, (Cause.FACTOR,)),
        Fault("not centred", lambda x, u: 2 / len(x) * x * u, (Cause.MISSING_TERM,)),
        Fault(
            "not divided by the batch", lambda x, u: 2 * (x - x.mean(axis=0)) * u, (Cause.MISSING_MEAN, Cause.FACTOR)
        ),
    ),
)


def unit(x: Any) -> Any:
    return x / np.sqrt((x * x).sum(axis=1, keepdims=True))


def unit_jvp(x: Any, t: Any, projected: bool = True, axis: int = 1) -> Any:
    y, size = unit(x), np.sqrt((x * x).sum(axis=1, keepdims=True))
    return (t - y * (y * t).sum(axis=axis, keepdims=True)) / size if projected else t / size


UNIT = Case(
    "rows of unit length",
    "numpy",
    "jvp",
    unit,
    unit_jvp,
    normal((4, 4)),
    (
        Fault("length taken as constant", lambda x, t: unit_jvp(x, t, projected=False), (Cause.MISSING_TERM,)),
        Fault("length forgotten", lambda x, t: unit_jvp(unit(x), t), (Cause.STALE_INPUT, Cause.MISSING_FACTOR)),
        Fault("sum over the columns", lambda x, t: unit_jvp(x, t, axis=0), (Cause.WRONG_AXIS,)),
    ),
)

CASES = (LAYER_NORM, RMS_NORM, BATCH_NORM, VARIANCE, UNIT)
