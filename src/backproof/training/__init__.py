"""Training: optimisers, schedules, metrics, and the loop that fits a network to data."""

from .evaluation import evaluate
from .examples import Examples
from .fitting import fit
from .history import Epoch, Fitted, History
from .metrics import METRICS
from .optimizers import OPTIMIZERS, SGD, Adam, AdamW, Momentum, Nesterov, Optimizer, RMSProp
from .schedules import SCHEDULES, Constant, Cosine, Schedule, Step, WarmUp
from .settings import Training, optimizer_from, schedule_from

__all__ = [
    "METRICS",
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "Epoch",
    "Examples",
    "Fitted",
    "History",
    "Momentum",
    "Nesterov",
    "Optimizer",
    "RMSProp",
    "Schedule",
    "Step",
    "Training",
    "WarmUp",
    "evaluate",
    "fit",
    "optimizer_from",
    "schedule_from",
]
