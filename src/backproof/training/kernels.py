"""Updates that numba compiles: one pass over memory in place of ten."""

import functools
from typing import Any

import numpy as np

__all__ = ["adam"]


@functools.cache
def adam() -> Any:
    """Return the update of Adam: ``update(w, m, v, g, shift, rate, beta_1, beta_2)``, in place.

    Math:
        m <- beta_1 m + g,   v <- beta_2 v + g g,   w <- w - rate m / (sqrt(v) + shift)

    Shapes:
        w, m, v, g: (P,)
        shift, rate, beta_1, beta_2: ()
    """
    import numba

    def update(w: Any, m: Any, v: Any, g: Any, shift: Any, rate: Any, beta_1: Any, beta_2: Any) -> None:
        epsilon, step, first, second = shift[()], rate[()], beta_1[()], beta_2[()]
        for i in range(w.size):
            m[i] = m[i] * first + g[i]
            v[i] = v[i] * second + g[i] * g[i]
            w[i] -= m[i] / (np.sqrt(v[i]) + epsilon) * step

    return numba.njit(error_model="numpy", fastmath=False, cache=False)(update)
