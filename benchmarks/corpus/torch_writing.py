"""A ``torch.autograd.Function`` from its two halves."""

from collections.abc import Callable
from typing import Any

import torch


def function(forward: Callable[..., Any], backward: Callable[..., Any]) -> type[torch.autograd.Function]:
    """Return the Function of ``forward(*inputs)`` whose backward is ``backward(*inputs, u)``, one gradient an input."""

    class Written(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            ctx.save_for_backward(*inputs)
            return forward(*inputs)

        @staticmethod
        def backward(ctx: Any, u: Any) -> Any:
            return backward(*ctx.saved_tensors, u)

    return Written


def in_place(forward: Callable[[Any], Any], backward: Callable[[Any, Any], Any]) -> type[torch.autograd.Function]:
    """Return a Function of one input whose forward overwrites the buffer that it keeps for the backward."""

    class Overwriting(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.buffer = x.clone()
            return ctx.buffer.copy_(forward(ctx.buffer)).clone()

        @staticmethod
        def backward(ctx: Any, u: Any) -> Any:
            return backward(ctx.buffer, u)

    return Overwriting
