"""A full training step: forward, backward and the update of Adam."""

from .claims import Candidate, Claim
from .problem import dense

CLAIM = Claim(
    name="adam",
    title="A step of Adam: forward, backward, update",
    candidates=(
        Candidate("backproof", "benchmarks.candidates.ours:adam"),
        Candidate("backproof numba", "benchmarks.candidates.ours:adam_numba"),
        Candidate("PyTorch Adam", "benchmarks.candidates.pytorch:adam"),
        Candidate("PyTorch Adam fused", "benchmarks.candidates.pytorch:adam_fused"),
        Candidate("JAX jit", "benchmarks.candidates.jax_jit:adam"),
        Candidate("scikit-learn loop", "benchmarks.candidates.sklearn_mlp:adam_loop"),
        Candidate("scikit-learn partial_fit", "benchmarks.candidates.sklearn_mlp:adam_partial_fit"),
    ),
    cases={
        "784-256-128-10 ReLU, batch 32": dense((784, 256, 128, 10), 32, "relu"),
        "784-256-128-10 ReLU, batch 128": dense((784, 256, 128, 10), 128, "relu"),
        "64-32-10 ReLU, batch 32": dense((64, 32, 10), 32, "relu"),
        "50 tanh layers of 64, batch 64": dense((64,) * 51 + (10,), 64, "tanh"),
    },
    # The update is 1e-3 of the parameters: their float32 rounding is that much larger in it.
    tolerance={"update": 1e-2},
    notes=(
        "backproof numba is compile(..., kernels='numba'), and Adam's update compiled likewise.",
        "JAX: Adam written out, one jitted function with donated arguments.",
        "scikit-learn loop: _backprop and the optimizer's update, as its training loop calls them; partial_fit is "
        "the public call with its checks.",
    ),
)
