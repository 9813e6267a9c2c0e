"""Exercises on the derivatives of networks, with answers that are computed, checked and explained."""

from .asking import EXERCISES, exercise
from .model import Exercise, Grade, Solution

__all__ = ["EXERCISES", "Exercise", "Grade", "Solution", "exercise"]
