"""Layers: functions of (theta, x) with their total derivatives in closed form.

Each module lists its public names; the registry lists what a model file may name.
"""

from .base import *  # noqa: F403
from .combinators import *  # noqa: F403
from .composed import *  # noqa: F403
from .elementwise import *  # noqa: F403
from .linear import *  # noqa: F403
from .normalization import *  # noqa: F403
from .piecewise import *  # noqa: F403
from .registry import *  # noqa: F403
from .shaping import *  # noqa: F403
from .softmax import *  # noqa: F403
