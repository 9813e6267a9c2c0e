"""Means and squared deviations of data that come in parts."""

from typing import Any


def merged(count: int, mean: Any, squares: Any, n: int, part_mean: Any, part_squares: Any) -> tuple[int, Any, Any]:
    r"""Return count, mean and sum of squared deviations of two parts together (Chan's formula).

    Nothing cancels where the mean is large beside the deviations.

    Math:
        d = mean_b - mean_a,  mean = mean_a + d n_b / n,  squares = S_a + S_b + d^2 n_a n_b / n

    Shapes:
        mean, squares, part_mean, part_squares: (columns ...) or ()
    """
    total = count + n
    step = part_mean - mean
    return total, mean + step * (n / total), squares + part_squares + step * step * (count * n / total)
