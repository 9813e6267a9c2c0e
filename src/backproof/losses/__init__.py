"""Losses: a real number for every example, with gradient and Hessian in the network's outputs."""

from .base import Loss
from .classification import BinaryCrossEntropy, CrossEntropy
from .registry import LOSSES, describe_loss, loss_from
from .regression import Huber, Poisson, SquaredError

__all__ = [
    "LOSSES", "BinaryCrossEntropy", "CrossEntropy", "Huber", "Loss", "Poisson", "SquaredError", "describe_loss",
    "loss_from",
]  # fmt: skip
