"""Loss and gradient of dense networks, float32, softmax cross-entropy, the same weights for everyone."""

from .claims import Candidate, Claim
from .problem import dense

CANDIDATES = (
    Candidate("backproof", "benchmarks.candidates.ours:compiled"),
    Candidate("backproof, new gradient", "benchmarks.candidates.ours:fresh"),
    Candidate("backproof numba", "benchmarks.candidates.ours:numba"),
    Candidate("backproof eager", "benchmarks.candidates.ours:gradient"),
    Candidate("PyTorch backward()", "benchmarks.candidates.pytorch:backward"),
    Candidate("PyTorch autograd.grad", "benchmarks.candidates.pytorch:autograd"),
    Candidate("PyTorch compiled", "benchmarks.candidates.pytorch:compiled"),
    Candidate("JAX jit", "benchmarks.candidates.jax_jit:gradient"),
    Candidate("scikit-learn", "benchmarks.candidates.sklearn_mlp:gradient"),
)

WIDE = (784, 256, 128, 10)

CLAIM = Claim(
    name="gradients",
    title="Loss and gradient",
    candidates=CANDIDATES,
    cases={
        **{f"784-256-128-10 ReLU, batch {batch}": dense(WIDE, batch, "relu") for batch in (1, 32, 128, 1024)},
        "64-32-10 ReLU, batch 32": dense((64, 32, 10), 32, "relu"),
        "50 tanh layers of 64, batch 64": dense((64,) * 51 + (10,), 64, "tanh"),
        "4 ReLU layers of 2048, batch 256": dense((2048,) * 5 + (10,), 256, "relu"),
    },
    notes=(
        "backproof is compile(...) with out=, the gradient's memory used again, as training does; 'new gradient' is "
        "the same without out=, and what PyTorch and JAX do. backproof numba is compile(..., kernels='numba'), with "
        "out= too.",
        "PyTorch backward() is nn.Sequential, zero_grad(set_to_none=True) and loss.backward(); autograd.grad uses "
        "the functional form without modules. PyTorch compiled is torch.compile of module and loss.",
        "JAX: jit of value_and_grad, arrays on the device beforehand, block_until_ready after every step.",
        "scikit-learn: MLPClassifier._backprop on arrays made beforehand, as its training loop calls it.",
    ),
)
