"""Quantities beyond the gradient: Jacobians, per-example gradients, kernels, curvature; float32."""

from collections.abc import Sequence

from .claims import Candidate, Claim
from .harness import Row
from .measuring import quantity
from .report import ratio, table

OURS = "backproof"
EXPERT = "PyTorch by hand"
BACKPACK = "BackPACK"
CANDIDATES = (
    Candidate(OURS, "benchmarks.candidates.measure_ours:prepare"),
    Candidate("torch.func reverse", "benchmarks.candidates.measure_torch:reverse"),
    Candidate("torch.func forward", "benchmarks.candidates.measure_torch:forward"),
    Candidate("torch.func reverse, compiled", "benchmarks.candidates.measure_torch:reverse_compiled"),
    Candidate("torch.func forward, compiled", "benchmarks.candidates.measure_torch:forward_compiled"),
    Candidate("JAX jit reverse", "benchmarks.candidates.measure_jax:reverse"),
    Candidate("JAX jit forward", "benchmarks.candidates.measure_jax:forward"),
    Candidate(BACKPACK, "benchmarks.candidates.measure_backpack:diagonal"),
    Candidate(EXPERT, "benchmarks.candidates.measure_expert:prepare"),
)
HAND_WRITTEN = (BACKPACK, EXPERT)
"""Peers whose derivatives a person wrote; all others differentiate a program they know nothing of."""

AUTOENCODER, WIDE, TALL = (784, 512, 256, 32, 256, 512, 784), (10, 256, 256, 784), (784, 256, 128, 10)
BOTH = (OURS, *(c.name for c in CANDIDATES if c.name.startswith(("torch", "JAX"))), EXPERT)
ONE = (OURS, "torch.func reverse", "torch.func reverse, compiled", "JAX jit reverse", EXPERT)

EAGER = (OURS, "torch.func reverse", "JAX jit reverse", EXPERT)

ROWS = {
    "Jacobian 784-512-256-32-256-512-784 tanh, 16 examples": (quantity("jacobian", AUTOENCODER, 16, "tanh"), BOTH, 7),
    "the same kept as two factors": (quantity("factored", AUTOENCODER, 16, "tanh"), BOTH, 15),
    "Jacobian 10-256-256-784 ReLU, 64 examples": (quantity("jacobian", WIDE, 64, "relu"), BOTH, 1),
    "Jacobian 784-256-128-10 ReLU, 64 examples": (quantity("jacobian", TALL, 64, "relu"), BOTH, 1),
    "per-example norms 784-256-128-10, batch 128": (quantity("norms", TALL, 128, "relu"), ONE, 4),
    "tangent kernel 64 x 64, 10 outputs": (quantity("ntk", TALL, 128, "relu"), EAGER, 200),
    "Gauss-Newton diagonal, batch 128": (quantity("diagonal", TALL, 128, "relu"), (*EAGER, BACKPACK), 200),
    "Gauss-Newton times vector, batch 128": (quantity("product", TALL, 128, "relu"), ONE, 1),
}
"""Case, candidates, and how many times as long generic automatic differentiation is to take."""

CLAIM = Claim(
    name="measure",
    title="Jacobians, per-example gradients, kernels and curvature",
    candidates=CANDIDATES,
    cases={name: case for name, (case, _, _) in ROWS.items()},
    only={name: names for name, (_, names, _) in ROWS.items()},
    tolerance={"numbers": 2e-4},
    notes=(
        "torch.func and JAX are generic automatic differentiation: jacrev (reverse) or jacfwd (forward) of one "
        "example, mapped over the batch; vmap(grad) for norms; jacrev in the parameters and a contraction for kernel "
        "and diagonal; jvp, then vjp, for the product. Compiled is torch.compile of the same.",
        "BackPACK and PyTorch by hand are written by experts: BackPACK has a rule for every module; by hand is the "
        "best order of products for this one network, without automatic differentiation, and the bar from above.",
        "In the row of the two factors the generic peers give the dense matrix, since they have no factors.",
        "The kernel is between two different sets of 64 examples. The Gauss-Newton matrix is that of the "
        "cross-entropy, the mean over the batch.",
        "Memory under Targets is the peak resident size less the size after the imports.",
    ),
)


def extra(rows: Sequence[Row]) -> str:
    """Return the table of targets: the slowest and fastest peers of each kind, and memory."""
    return "## Targets\n\n" + table(
        ["", "target", "generic, fastest", "generic, eager reverse", BACKPACK, "by hand", "memory ours", "of generic"],
        [_line(row) for row in rows],
    )


def _line(row: Row) -> list[str]:
    ratios = {name: row.ratio(name, OURS) for name in row.timings if name != OURS}
    generic = {name: r for name, r in ratios.items() if r is not None and name not in HAND_WRITTEN}
    least = min(generic, key=lambda name: generic[name], default=None)
    working = {name: timing.working / 2**20 for name, timing in row.timings.items()}
    others = [working[name] for name in generic]
    return [
        row.case,
        f"{ROWS[row.case][2]}" if row.case in ROWS else "-",
        "-" if least is None else f"{ratio(generic[least])} ({least})",
        ratio(ratios.get("torch.func reverse")),
        ratio(ratios.get(BACKPACK)),
        ratio(ratios.get(EXPERT)),
        f"{working[OURS]:.0f} MiB" if OURS in working else "-",
        f"{min(others):.0f} - {max(others):.0f} MiB" if others else "-",
    ]
