"""Time against depth: tanh layers of 64 units, batch 32. Backpropagation is linear in depth."""

from collections.abc import Sequence

from .claims import Candidate, Claim
from .harness import Row
from .problem import dense
from .report import ratio, seconds, table

DEPTHS = (1, 4, 16, 64, 256, 1024)
FLAT = (4, 256)


def row_name(depth: int) -> str:
    return f"{depth} tanh layer{'s' if depth > 1 else ''} of 64, batch 32"


CLAIM = Claim(
    name="depth",
    title="Time against depth",
    candidates=(
        Candidate("backproof", "benchmarks.candidates.ours:gradient"),
        Candidate("PyTorch backward()", "benchmarks.candidates.pytorch:backward"),
    ),
    cases={row_name(depth): dense((64,) * (depth + 1) + (10,), 32, "tanh") for depth in DEPTHS},
    # Rounding adds up over a thousand layers.
    tolerance={"gradient": 1e-3},
)


def per_layer(rows: Sequence[Row]) -> str:
    """Return the table of the time a layer: the step divided by depth + 1, the output layer counted too."""
    medians = {
        depth: [row.timings[c.name].median / (depth + 1) if c.name in row.timings else None for c in CLAIM.candidates]
        for depth in DEPTHS
        for row in rows
        if row.case == row_name(depth)
    }
    names = [candidate.name for candidate in CLAIM.candidates]
    lines = [[str(depth), *("-" if t is None else seconds(t) for t in times)] for depth, times in medians.items()]
    text = "## Time a layer\n\n" + table(["depth", *names], lines)
    if all(depth in medians for depth in FLAT):
        first, last = (medians[depth][0] for depth in FLAT)
        grown = last / first if first and last else None
        text += f"\n\nFrom {FLAT[0]} to {FLAT[1]} layers, ours takes {ratio(grown)} times as long a layer."
    return text


extra = per_layer
