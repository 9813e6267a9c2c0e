"""Training: optimisers, schedules, metrics, and the loop that fits a network to data."""

from typing import TYPE_CHECKING, Any

from .evaluation import evaluate
from .examples import Batches
from .fitting import fit
from .history import Epoch, Fitted, History
from .metrics import METRICS
from .optimizers import OPTIMIZERS, SGD, Adam, AdamW, Momentum, Nesterov, Optimizer, RMSProp
from .schedules import SCHEDULES, Constant, Cosine, Schedule, Step, WarmUp
from .settings import Training, optimizer_from, schedule_from

if TYPE_CHECKING:
    from .estimators import BackproofClassifier, BackproofRegressor

__all__ = [
    "METRICS",
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "Adam",
    "AdamW",
    "BackproofClassifier",
    "BackproofRegressor",
    "Batches",
    "Constant",
    "Cosine",
    "Epoch",
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


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in ("BackproofClassifier", "BackproofRegressor"):
            raise AttributeError(f"module 'backproof.training' has no attribute {name!r}")
        # scikit-learn takes half a second to import, and only the estimators need it.
        from . import estimators

        return getattr(estimators, name)
