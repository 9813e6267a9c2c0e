"""Backpropagation of one network as a straight-line program: trace the formulas once, run the statements often."""

from .compiled import Program, compile
from .program import OPERATIONS, Statement, Trace, Value

__all__ = ["OPERATIONS", "Program", "Statement", "Trace", "Value", "compile"]
