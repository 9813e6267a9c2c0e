"""Loss and gradient on JAX arrays: our program and our formulas under ``jit`` beside ``value_and_grad``."""

from .claims import Candidate, Claim
from .gradients import CLAIM as GRADIENTS

CLAIM = Claim(
    name="on_jax",
    title="Loss and gradient on JAX arrays",
    candidates=(
        Candidate("backproof", "benchmarks.candidates.ours_jax:compiled"),
        Candidate("formulas under jit", "benchmarks.candidates.ours_jax:jitted"),
        Candidate("JAX jit", "benchmarks.candidates.jax_jit:gradient"),
    ),
    cases=GRADIENTS.cases,
    notes=(
        "backproof is compile(net, loss=..., library='jax'), which also refuses wrong targets and losses that are not "
        "finite; 'formulas under jit' is jax.jit(value_and_gradient) of the library as it stands; JAX jit is "
        "jax.jit(jax.value_and_grad). Arrays on the device beforehand, block_until_ready after every step.",
    ),
)
