"""How long it takes to compile loss and gradient of a deep network, before the first step."""

from .claims import Candidate, Claim
from .problem import dense

CLAIM = Claim(
    name="compiling",
    title="Time to compile",
    candidates=(
        Candidate("backproof", "benchmarks.candidates.ours:compiling"),
        Candidate("JAX jit", "benchmarks.candidates.jax_jit:compiling"),
    ),
    cases={
        "2 ReLU layers of 256 and 128, batch 32": dense((784, 256, 128, 10), 32, "relu"),
        "1024 tanh layers of 64, batch 32": dense((64,) * 1025 + (10,), 32, "tanh"),
    },
    notes=("JAX: a new function traced, lowered and compiled every time, with its caches cleared.",),
    rounds=3,
)
