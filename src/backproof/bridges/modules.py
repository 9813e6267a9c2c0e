"""PyTorch modules for the layers that PyTorch has none for; autograd differentiates them as any other."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

__all__ = ["AugmentedLinear", "Concatenate", "Product", "Reshape", "Residual", "Shared", "Sine", "Sum"]


class AugmentedLinear(nn.Module):  # type: ignore[misc]
    """``y = W~ (x; 1)`` with the bias as the last column of W~."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True, device: Any = None) -> None:
        super().__init__()
        self.in_features, self.out_features, self.bias = in_features, out_features, bias
        self.weight = nn.Parameter(torch.zeros(out_features, in_features + bias, device=device))

    def forward(self, x: Any) -> Any:
        """Return W~ (x; 1) for every row."""
        if not self.bias:
            return nn.functional.linear(x, self.weight)
        return nn.functional.linear(x, self.weight[:, :-1], self.weight[:, -1])


class Sine(nn.Module):  # type: ignore[misc]
    """``y = sin(frequency x)``."""

    def __init__(self, frequency: float = 1.0) -> None:
        super().__init__()
        self.frequency = frequency

    def forward(self, x: Any) -> Any:
        """Return sin(frequency x)."""
        return torch.sin(self.frequency * x)


class Reshape(nn.Module):  # type: ignore[misc]
    """Every example in another shape; one axis may be -1."""

    def __init__(self, target: Sequence[int]) -> None:
        super().__init__()
        self.target = tuple(target)

    def forward(self, x: Any) -> Any:
        """Return x as (batch, \\*target)."""
        return x.reshape(x.shape[0], *self.target)


class Residual(nn.Module):  # type: ignore[misc]
    """``y = x + g(x)``."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.add_module("0", inner)

    def forward(self, x: Any) -> Any:
        """Return x + g(x)."""
        return x + self.get_submodule("0")(x)


class Shared(nn.Module):  # type: ignore[misc]
    """The same module ``times`` times in sequence."""

    def __init__(self, inner: nn.Module, times: int) -> None:
        super().__init__()
        self.add_module("0", inner)
        self.times = times

    def forward(self, x: Any) -> Any:
        """Return f(... f(x))."""
        inner = self.get_submodule("0")
        for _ in range(self.times):
            x = inner(x)
        return x


class _Branches(nn.Module):  # type: ignore[misc]
    """Modules that all see the same x."""

    def __init__(self, branches: Sequence[nn.Module]) -> None:
        super().__init__()
        for index, branch in enumerate(branches):
            self.add_module(str(index), branch)

    def outputs(self, x: Any) -> list[Any]:
        """Return what every branch makes of x."""
        return [branch(x) for branch in self._modules.values()]  # children() has each once


class Sum(_Branches):
    """``y = f(x) + g(x) + ...``."""

    def forward(self, x: Any) -> Any:
        """Return the sum of the branches."""
        first, *others = self.outputs(x)
        return sum(others, start=first)


class Product(_Branches):
    """``y = f(x) * g(x) * ...``, entry by entry."""

    def forward(self, x: Any) -> Any:
        """Return the product of the branches."""
        result, *others = self.outputs(x)
        for other in others:
            result = result * other
        return result


class Concatenate(_Branches):
    """``y = (f(x); g(x); ...)``, flattened."""

    def forward(self, x: Any) -> Any:
        """Return the branches' outputs side by side."""
        return torch.cat([output.flatten(1) for output in self.outputs(x)], 1)
