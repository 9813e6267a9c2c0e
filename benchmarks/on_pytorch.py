"""Loss and gradient on PyTorch tensors: our recursion beside PyTorch's own automatic differentiation."""

from .claims import Candidate, Claim
from .gradients import CLAIM as GRADIENTS

CLAIM = Claim(
    name="on_pytorch",
    title="Loss and gradient on PyTorch tensors",
    candidates=(
        Candidate("backproof", "benchmarks.candidates.ours_torch:compiled"),
        Candidate("backproof, new gradient", "benchmarks.candidates.ours_torch:fresh"),
        Candidate("BackproofModule", "benchmarks.candidates.ours_torch:module"),
        Candidate("backproof, not compiled", "benchmarks.candidates.ours_torch:eager"),
        Candidate("PyTorch backward()", "benchmarks.candidates.pytorch:backward"),
        Candidate("PyTorch autograd.grad", "benchmarks.candidates.pytorch:autograd"),
    ),
    cases=GRADIENTS.cases,
    notes=(
        "backproof is compile(net, loss=..., library='torch') with out=, the gradient's memory used again; 'new "
        "gradient' is the same without out=. BackproofModule stands for the module in PyTorch's own loop: "
        "zero_grad(set_to_none=True), cross_entropy, backward().",
        "PyTorch backward() is nn.Sequential, zero_grad(set_to_none=True) and loss.backward(); autograd.grad uses "
        "the functional form without modules.",
    ),
)
