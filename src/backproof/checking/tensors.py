"""PyTorch tensors as inputs of plain functions; PyTorch is not imported for it."""

from typing import Any

import numpy as np

from .problems import COMPLEX, NATIVE


def is_tensor(value: Any) -> bool:
    """Whether a value is a PyTorch tensor."""
    return type(value).__module__.split(".")[0] == "torch" and hasattr(value, "is_floating_point")


def like_tensor(given: Any, numbers: Any, precision: str = NATIVE) -> Any:
    """Return numbers as a tensor on the device of ``given``, in its dtype or the one that ``precision`` asks for."""
    import torch

    dtype = {NATIVE: given.dtype, COMPLEX: torch.complex128}.get(precision, torch.float64)
    return torch.tensor(np.array(numbers), device=given.device).to(dtype)
