"""The order in which the Jacobians of a chain are multiplied."""

from .recursion import Step, backpropagate
from .tally import Tally

__all__ = ["Step", "Tally", "backpropagate"]
