"""Training, validation and test parts: by the seed, and for classes in equal shares."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backproof.data.dataset import Dataset
from backproof.errors import DataError, OptionError


class Split(NamedTuple):
    """The parts of a data set; a part whose share is 0 is None."""

    train: Dataset
    validation: Dataset | None
    test: Dataset | None


def split(
    dataset: Dataset, *, validation: float = 0.1, test: float = 0.2, seed: int = 0, stratify: bool = True
) -> Split:
    """Divide the rows into training, validation and test part, the same for the same seed.

    A data set that came with a test part keeps it: ``test`` is then not used, and ``validation`` is a share
    of the remaining rows. Within a part the rows keep their order. Rows of a memory map are not copied.
    With ``stratify``, each class has the same share of every part, as nearly as whole rows allow.

    Args:
        dataset: what to divide.
        validation: share of the validation part, at least 0.
        test: share of the test part, at least 0; both shares together below 1.
        seed: seed of NumPy's PCG64.
        stratify: keep the shares of the classes (no effect on regression).

    Raises:
        OptionError: impossible shares or seed.
        DataError: too few rows for the parts, or a class with fewer rows than there are parts.
    """
    shares = {"test": 0.0 if dataset.test is not None else test, "validation": validation}
    _check_shares(validation, test, seed)
    counts = {part: round(share * len(dataset)) for part, share in shares.items()}
    _check_counts(dataset, counts, shares)
    order = _order(dataset, sum(share > 0 for share in shares.values()) + 1, seed, stratify)
    train = len(dataset) - counts["test"] - counts["validation"]
    chosen = [np.sort(part) for part in np.split(order, [train, train + counts["validation"]])]
    if stratify and dataset.class_names is not None:
        _check_classes_present(dataset, chosen[0])
    parts = [dataset.take(rows) if len(rows) else None for rows in chosen]
    return Split(dataset.take(chosen[0]), parts[1], parts[2] if dataset.test is None else dataset.test)


def _order(dataset: Dataset, parts: int, seed: int, stratify: bool) -> NDArray[np.int64]:
    """Return the rows in a random order in which, if stratified, every class is spread evenly."""
    random = np.random.Generator(np.random.PCG64(seed))
    shuffled = random.permutation(len(dataset)).astype(np.int64)
    if not stratify or dataset.class_names is None or dataset.y is None:
        return shuffled
    classes = dataset.y[shuffled]
    place = np.empty(len(shuffled))
    # Systematic sampling: the k-th of n rows of a class stands at (k + u) / n, so that every interval of
    # [0, 1) holds its share of the class to within one row.
    for index, name in enumerate(dataset.class_names):
        rows = np.flatnonzero(classes == index)
        if 0 < len(rows) < parts:
            raise DataError(
                f"{dataset.name}: class {name!r} has {len(rows)} of the rows, a split into {parts} parts "
                f"needs {parts}; add rows, drop the class, or do not stratify"
            )
        place[rows] = (np.arange(len(rows)) + random.random()) / max(1, len(rows))
    return shuffled[np.argsort(place, kind="stable")]


def _check_shares(validation: float, test: float, seed: int) -> None:
    for name, share in (("validation", validation), ("test", test)):
        if not 0 <= share < 1:
            raise OptionError(f"split: {name} share is {share}, expected at least 0 and below 1")
    if validation + test >= 1:
        raise OptionError(f"split: validation {validation} and test {test} leave nothing to train on")
    if seed < 0:
        raise OptionError(f"split: seed {seed}, expected 0 or more")


def _check_counts(dataset: Dataset, counts: dict[str, int], shares: dict[str, float]) -> None:
    for part, share in shares.items():
        if share > 0 and counts[part] == 0:
            raise DataError(
                f"{dataset.name}: {len(dataset)} rows are too few for a {part} part of {share:g}; "
                f"add rows or set the {part} share to 0"
            )
    if sum(counts.values()) >= len(dataset):
        raise DataError(f"{dataset.name}: {len(dataset)} rows are too few to leave any for training")


def _check_classes_present(dataset: Dataset, train: NDArray[np.int64]) -> None:
    missing = np.setdiff1d(np.unique(dataset.y), np.unique(dataset.y[train]))
    if len(missing) and dataset.class_names is not None:
        name = dataset.class_names[int(missing[0])]
        raise DataError(f"{dataset.name}: no row of class {name!r} falls into the training part; add rows of it")
