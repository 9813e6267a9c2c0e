"""Quantities made of the same factors: Jacobians, per-example gradients, kernels, curvature, spectra."""

from .curvature import *  # noqa: F403
from .examples import *  # noqa: F403
from .hessian import *  # noqa: F403
from .jacobian import *  # noqa: F403
from .local import *  # noqa: F403
from .ntk import *  # noqa: F403
from .parameter_jacobian import *  # noqa: F403
from .spectrum import *  # noqa: F403
from .transforms import *  # noqa: F403
