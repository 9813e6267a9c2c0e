"""Counting multiplications, product by product."""

from dataclasses import dataclass, field


@dataclass
class Tally:
    """The scalar multiplications of a computation, one entry a matrix product.

    Counted from the structures: a diagonal times a row costs n, a dense m x n matrix m n, a Kronecker factor
    I (x) x^T the m n of its outer product, an identity or a selection nothing. Additions and the forward pass
    are not counted.

    Attributes:
        entries: (what was multiplied, multiplications), in the order of the computation.
    """

    entries: list[tuple[str, int]] = field(default_factory=list)

    def add(self, what: str, multiplications: int) -> None:
        """Record one product."""
        self.entries.append((what, multiplications))

    @property
    def total(self) -> int:
        """All multiplications together."""
        return sum(count for _, count in self.entries)

    def _repr_html_(self) -> str:
        from .showing import tally_html

        return tally_html(self)

    def __str__(self) -> str:
        width = max((len(what) for what, _ in self.entries), default=5)
        lines = [f"{what:<{width}}  {count:>15,}" for what, count in self.entries]
        return "\n".join([*lines, f"{'total':<{width}}  {self.total:>15,}"])
