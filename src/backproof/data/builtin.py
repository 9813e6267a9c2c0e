"""Small real data sets that come with scikit-learn, by one word each."""

from typing import Any, Literal

import numpy as np

from backproof.data.arrays import Arrays
from backproof.errors import missing_extra, unknown_name

BUILTIN: dict[str, Literal["class", "number"]] = {
    "breast_cancer": "class",
    "diabetes": "number",
    "digits": "class",
    "iris": "class",
    "wine": "class",
}
"""The known words, and what their targets are."""


def read_builtin(name: str) -> Arrays:
    """Return one of scikit-learn's data sets; no network is needed.

    ``digits`` are pixels from 0 to 16 and come as uint8; ``diabetes`` is in its original units.

    Raises:
        OptionError: a word that is not in ``BUILTIN``.
        MissingExtraError: scikit-learn is not installed.
    """
    if name not in BUILTIN:
        raise unknown_name("built-in data set", name, BUILTIN)
    try:
        from sklearn import datasets
    except ImportError as error:
        raise missing_extra(f"the built-in data set {name!r}", "data") from error
    bunch: Any = getattr(datasets, f"load_{name}")(**({"scaled": False} if name == "diabetes" else {}))
    x = bunch.data.astype(np.uint8) if name == "digits" else bunch.data
    features = tuple(str(feature) for feature in bunch.feature_names)
    if BUILTIN[name] == "number":
        return Arrays(name, x, np.asarray(bunch.target, dtype=np.float64), features, ("target",))
    classes = tuple(str(label) for label in bunch.target_names)
    return Arrays(name, x, np.asarray(bunch.target, dtype=np.int64), features, ("target",), classes)
